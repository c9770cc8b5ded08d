"""Handing a job to a runner, and what became of it. What can be wrong with the job is said before it is handed over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from mlops_jupyter import plugins
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import ConflictError, InputError, Submission, new_id
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.parameters import validate
from mlops_jupyter.jobs.runners import Order, Runner
from mlops_jupyter.jobs.work import resolve_inputs


def submit(folder: str | Path, runner: str, parameters: Mapping[str, object] | None = None,
           inputs: Mapping[str, str] | None = None, *, allow_unverified: bool = False) -> Submission:
    """Hand the job in `folder` to the runner of that name. ConflictError for a job that was never verified, unless allowed."""
    bundle = load(folder)
    if not bundle.manifest.verified and not allow_unverified:
        raise ConflictError(f"the job {folder} is {bundle.manifest.verdict}: no clean run of it gave the recorded results",
                            f"mlops submit {folder} --to {runner} --unverified, or convert it again with verification")
    typed = validate(bundle.manifest.parameters, parameters or {})
    found = {name: where for name, where in resolve_inputs(bundle, inputs or {}).items() if name in (inputs or {})}
    store = open_ledger()
    place = _runner(runner).submit(Order(bundle.folder, typed, found, {"MLOPS_STORE": Settings.current().store_url()}))
    made = Submission(new_id(), bundle.manifest.digest, runner, time.time(), "running", parameters=typed, place=place)
    store.put(made)
    return made


def _runner(name: str) -> Runner:
    known = plugins.available(plugins.RUNNER)
    if name not in known:
        raise InputError(f"there is no runner {name!r}", f"runners here: {', '.join(sorted(known)) or 'none'}")
    kind = plugins.load(plugins.RUNNER, name)
    if not callable(kind):
        raise InputError(f"the plugin of runner {name!r} is no runner", "mlops doctor")
    return cast("Runner", kind())
