"""Proof "Secrets": 2,000 planted in a tracked session, then the raw bytes of everything written are searched for each.

    python tests/proofs/secrets.py [--short] [--seed N] [--missed] [--changed]

Known values must be found 100 %, providers' formats ≥ 99 %, generic assignments ≥ 85 %; of 10,000 clean cells ≥ 95 % must be left
as they are, and of all redactions in a mixed corpus ≥ 95 % must be of secrets. `--missed` and `--changed` print the examples.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # not the script's own folder: this file has the name of a module of Python's
    sys.path[0] = str(Path(__file__).parents[2])

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator

from mlops_jupyter.capture.secrets import Redactor
from tests.integration.real_kernel import START, Kernel
from tests.proofs.clean_cells import clean_cells
from tests.proofs.planted_secrets import Notebook, Plant, planted

BARS = {"known": 100.0, "provider": 99.0, "generic": 85.0}
PRECISION = 95.0


def play(book: Notebook, folder: Path) -> Path:
    """Run the notebook's cells in a tracked kernel, ship its outbox into a store. The folder that holds all that was written."""
    work, state = folder / "work", folder / "state"
    work.mkdir(parents=True)
    (work / "mine.py").write_text("\n".join(book.module) + "\n")
    (work / "conf.yaml").write_text("a: 1\n")
    git = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"], ["remote", "add", "origin", book.remote]):
        subprocess.run([*git, *command], check=True)
    (work / "conf.yaml").write_text("\n".join(book.diff) + "\n")
    outside = folder / "planted.json"
    outside.write_text(json.dumps({"values": book.values, "registered": book.registered}))
    before = dict(os.environ)
    os.environ.update(book.environ)
    try:
        kernel = Kernel(work, state)
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        kernel.run(f"import json, mlops_jupyter as mlops, pandas as pd\n_all = json.load(open({str(outside)!r}))\n"
                   "P = _all['values']\n"
                   "for _one in _all['registered']:\n    mlops.register_secret(_one)\ndel _all, _one", silent=True)
        assert kernel.run(START.format(options=f"notebook_path='nb.ipynb', tags={book.tags!r}"), silent=True) == []
        kernel.run("import mine")
        for cell in book.cells:
            kernel.run(cell)
        notes = kernel.session().notes
        assert not [note for note in notes if "failed" in note], notes
    finally:
        kernel.close()
    environment = {**os.environ, "MLOPS_STATE": str(state), "MLOPS_STORE": str(state / "store")}
    (state / "told.txt").write_bytes(b"".join(told(environment)))
    return state


def told(environment: dict[str, str]) -> Iterator[bytes]:
    """What the commands print of it; the first one ships the outbox."""
    for command in ("sessions list --json", "sessions show --json", "runs list --json", "stale --json"):
        asked = [sys.executable, "-c", "from mlops_jupyter.cli import main; main()", *command.split()]
        yield subprocess.run(asked, env=environment, check=False, capture_output=True).stdout


def written(folder: Path) -> bytes:
    """Every byte below the folder, what is compressed also as it was before."""
    found: list[bytes] = []
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        data = file.read_bytes()
        found += [str(file).encode(), data]
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                found += [archive.read(name) for name in archive.namelist()]
        for offset, bits in ((0, 15), (0, 31), (0, -15)):
            try:
                found.append(zlib.decompress(data[offset:], bits))
            except zlib.error:
                continue
    return b"\0".join(found)


def missed(book: Notebook, data: bytes) -> list[Plant]:
    """The plants of which something can be read."""
    return [plant for plant in book.plants if any(needle in data for needle in plant.needles)]


def precision(cells: list[str], redact: Redactor) -> list[tuple[str, str]]:
    """The clean cells that were changed, with what they became."""
    return [(cell, found) for cell in cells if (found := redact(cell)) != cell]


def truly(book: Notebook, clean: int) -> tuple[int, int]:
    """(redactions of secrets, redactions of anything else) in the planted cells' text and `clean` clean cells mixed."""
    redact = Redactor(b"k" * 32, book.environ)
    wrong = sum(found.count("[redacted:") - cell.count("[redacted:") for cell, found in precision(clean_cells(11, clean), redact))
    right = 0
    for text in book.values:
        right += redact(text).count("[redacted:")
    return right, wrong


def speed(redact: Redactor) -> tuple[float, float]:
    """(µs for a cell of 500 characters, ms for an output of 100,000), the best of several."""
    cells = clean_cells(3, 400)
    cell = next(one[:500] for one in cells if len(one) >= 500)
    output = "\n".join(cells * 10)[:100_000]

    def best(text: str, times: int) -> float:
        found = []
        for _ in range(7):
            clock = time.perf_counter()
            for _ in range(times):
                redact.clean.clear()
                redact(text)
            found.append((time.perf_counter() - clock) / times)
        return min(found)

    return best(cell, 200) * 1e6, best(output, 3) * 1e3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--changed", action="store_true")
    arguments = parser.parse_args()
    known, provider, generic, clean = (70, 120, 120, 1_000) if arguments.short else (600, 751, 600, 10_000)
    book = planted(arguments.seed, known, provider, generic)
    with tempfile.TemporaryDirectory() as folder:
        clock = time.perf_counter()
        data = written(play(book, Path(folder)))
        print(f"{len(book.plants):,} secrets in {len(book.cells):,} cells, {time.perf_counter() - clock:.0f} s; "
              f"{len(data):,} bytes written and searched, {data.count(b'[redacted:'):,} marks in them")
    escaped = missed(book, data)
    failed = False
    print(f"\n{'group':<12}{'planted':>9}{'found':>9}{'share':>9}{'bar':>8}")
    for group, bar in BARS.items():
        planted_here = [plant for plant in book.plants if plant.group == group]
        gone = [plant for plant in escaped if plant.group == group]
        share = 100 * (1 - len(gone) / len(planted_here))
        failed |= share < bar
        print(f"{group:<12}{len(planted_here):>9,}{len(planted_here) - len(gone):>9,}{share:>8.2f}%{bar:>7.0f}%")
    if arguments.missed:
        for plant in escaped:
            print(f"  missed {plant.group}: {plant.kind!r} in {plant.place}: {plant.value[:60]!r}")
        print(Counter(plant.place for plant in escaped).most_common(20))
        print(Counter(plant.kind for plant in escaped).most_common(20))
    cells = clean_cells(7, clean)
    changed = precision(cells, Redactor(b"k" * 32, {}))
    share = 100 * (1 - len(changed) / len(cells))
    right, wrong = truly(book, clean)
    truth = 100 * right / (right + wrong)
    failed |= share < PRECISION or truth < PRECISION
    bar = f"(bar {PRECISION:.0f} %)"
    print(f"\nprecision: {len(cells) - len(changed):,} of {len(cells):,} clean cells untouched, {share:.2f} % {bar}")
    print(f"           {right:,} of {right + wrong:,} redactions in a mixed corpus were of secrets, {truth:.2f} % {bar}")
    if arguments.changed:
        for cell, found in changed:
            pairs = [(one, other) for one, other in zip(cell.split("\n"), found.split("\n"), strict=False) if one != other]
            print("  changed", *[f"{one.strip()[:110]} → {re.findall(r'.redacted:[a-z]+', other)}" for one, other in pairs[:1]])
    cell_us, output_ms = speed(Redactor(b"k" * 32))
    print(f"speed:     {cell_us:.0f} µs for a cell of 500 characters, {output_ms:.1f} ms for an output of 100,000")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
