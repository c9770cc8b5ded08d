"""Proof of the routes: whatever is sent to them, no answer is a 500, and nothing is answered to whoever has no token.

usage: python tests/proofs/fuzz.py [--cases N] [--seed N] [--short]

schemathesis draws requests from the server's own OpenAPI, what fits it and what does not, and sends them to a real
`mlops server`. Half of them change the store, so it is filled and emptied meanwhile as callers with every right can.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import requests  # noqa: E402 (the path comes first)
import schemathesis  # noqa: E402
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402

from mlops_jupyter.server.openapi import document  # noqa: E402
from mlops_jupyter.server.routes import team_routes  # noqa: E402
from mlops_jupyter.store import open_store  # noqa: E402
from tests.team import serving  # noqa: E402
from tests.unit.store.story import append, cell, metric, session  # noqa: E402

SKIPPED = ("/events", "/create_token", "/revoke_token")
"""A stream does not end; and the token that asks must stay."""


def main() -> int:
    """Send, count, print. Exit code 1 if an answer was a 500, or anybody without a token was answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="300 cases")
    options = parser.parse_args()
    cases = 300 if options.short else options.cases
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MLOPS_STORE": f"{folder}/store", "MLOPS_STATE": f"{folder}/state"}
        store = open_store(f"{folder}/store")
        append(store, session(), cell(1), metric(1))
        secret = store.create_token("fuzz", "admin").secret
        with serving() as address:
            started = time.perf_counter()
            codes, wrong = send(address, secret, cases, options.seed)
    seconds = time.perf_counter() - started
    print(f"Python {sys.version.split()[0]}: {sum(codes.values())} requests in {seconds:.0f} s, by answer: "
          + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())))
    print(f"{'ok    ' if not wrong else 'WRONG '} answers of 500, or without a token: {len(wrong)}")
    for line in wrong[:20]:
        print("   ", line)
    return 1 if wrong else 0


def send(address: str, secret: str, cases: int, number: int) -> tuple[Counter[int], list[str]]:
    """So many requests, spread over all operations; the status codes, and what should not have been."""
    schema = schemathesis.openapi.from_dict(document(team_routes()))
    every = [one.ok() for one in schema.get_all_operations() if not one.ok().path.endswith(SKIPPED)]
    codes: Counter[int] = Counter()
    wrong: list[str] = []
    connection = requests.Session()
    share = -(-cases // (2 * len(every)))
    for operation in every:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except Exception:  # an operation without anything to draw has no negative cases
                continue

            @seed(number)
            @settings(max_examples=share, deadline=None, database=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
                      suppress_health_check=list(HealthCheck))
            @given(case=strategy)
            def one(case: schemathesis.Case) -> None:
                known = random.random() > 0.1
                headers = {"Authorization": f"token {secret}"} if known else {}
                answer = case.call(base_url=address, session=connection, headers=headers, timeout=30)
                codes[answer.status_code] += 1
                if answer.status_code >= 500 and answer.status_code != 503:
                    wrong.append(f"{answer.status_code} {case.method} {case.formatted_path}: {case.as_curl_command()[:300]}")
                if not known and answer.status_code not in (400, 403, 404, 405):
                    wrong.append(f"without a token {answer.status_code}: {case.method} {case.formatted_path}")

            try:
                one()
            except Exception as error:
                if type(error).__module__.startswith(("hypothesis", "schemathesis")):
                    continue  # it has nothing to draw
                raise
    return codes, wrong


if __name__ == "__main__":
    sys.exit(main())
