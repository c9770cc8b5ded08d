"""What a job made, kept with its run: each result as an artifact from which it comes back as what it is.

Called in the kernel when the last cell has run. What cannot be kept is told, and costs the job nothing.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_jupyter.capture import ipython
from mlops_jupyter.capture.observer import Draft
from mlops_jupyter.fingerprint.written import Written, write

MOST_BYTES = 512 * 2**20


def keep(names: Sequence[str], files: Sequence[str], metrics: Mapping[str, tuple[str, str]]) -> str:
    """Keep variables and files of this kernel as artifacts of its run; JSON of what was not kept, name → why.

    `metrics`: variable → name and key of the metric that it holds, where that is a number.
    """
    here = ipython.current()
    refused: dict[str, str] = {}
    for name in [*names, *files] if here is not None else ():
        try:
            found = _of_file(name) if name in files else write(here.variable(name))  # type: ignore[union-attr]
        except Exception as error:  # noqa: BLE001 (a value's own writer: whatever it raises, the job has ended well)
            refused[name] = f"{type(error).__name__}: {error}"[:300]
            continue
        if len(found.data) > MOST_BYTES:
            refused[name] = f"{len(found.data):,} bytes are more than {MOST_BYTES:,}"
            continue
        details = {"format": found.how, "type": found.type, "bytes": str(len(found.data)), "result": name}
        here.log(Draft(kind="artifact", name=name, blob=here.keep(found.data), logged=True, details=details))  # type: ignore[union-attr]
    for variable, (name, key) in metrics.items() if here is not None else ():
        value = here.variable(variable) if variable not in refused else None  # type: ignore[union-attr]
        if isinstance(value, numbers.Real):
            here.log(Draft(kind="metric", name=name, key=key, value=float(value), subject=value, logged=True))  # type: ignore[union-attr]
    return json.dumps(refused)


def _of_file(name: str) -> Written:
    return Written(Path(name).read_bytes(), "file", Path(name).suffix)
