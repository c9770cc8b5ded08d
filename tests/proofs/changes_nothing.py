"""Proof "On/off": real notebooks in a real kernel, plain and tracked; all that goes over the wire, and the process itself, is compared.

    python tests/proofs/changes_nothing.py [--short] [--only NAME …]

The notebooks are `tests/data/notebooks/*.txt`, cells parted by `# %%`. Both kernels run two cells before the notebook's: the tracked
one `%load_ext mlops_jupyter` and `%mlops track`, the plain one `pass` twice. Exit code 1 on any difference.
"""

# ruff: noqa: E501 (tables and messages)
from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.records import decode
from tests.proofs.state_dump import DUMP
from tests.proofs.wire import Wire

NOTEBOOKS = Path(__file__).parents[1] / "data" / "notebooks"
SHORT = ("history_objects", "errors_kinds", "lifetimes", "display_rich", "sklearn_classifier")
"""A sample for each run of the tests: IPython's own objects, exceptions, lifetimes, outputs, autologging."""
Heard = list[tuple[str, object]]


@dataclass
class Seen:
    """What one kernel showed of one notebook."""

    cells: list[Heard] = field(default_factory=list)
    state: dict[str, object] = field(default_factory=dict)
    executions: int = 0
    unknown: dict[str, list[str]] = field(default_factory=dict)
    """Why an execution was marked unknown, whole or in part → sources of the cells."""


def cells_of(name: str) -> list[str]:
    """The notebook's cells."""
    return [cell.strip("\n") for cell in (NOTEBOOKS / f"{name}.txt").read_text().split("\n# %%\n")]


def played(name: str, folder: Path, *, track: bool) -> Seen:
    """Run the notebook in a kernel of its own."""
    seen = Seen()
    wire = Wire(folder, {})
    try:
        wire.silently("import random, numpy\nrandom.seed(1)\nnumpy.random.seed(1)\ndel random, numpy")
        for setup in ("%load_ext mlops_jupyter", "%mlops track") if track else ("pass", "pass"):
            wire.run(setup)
        for number, cell in enumerate(cells_of(name)):
            seen.cells.append(wire.run(cell, f"cell-{number}"))
        shown = "".join(str(content.get("text", "")) for kind, content in wire.run(DUMP) if kind == "stream")  # type: ignore[attr-defined]
        line, _, more = shown.partition("\n")
        seen.state = {**(json.loads(line) if line.startswith("{") else {"no state": line}), "also said": more}
        if track:
            asked = wire.run("from mlops_jupyter.capture.ipython import current as _c; print(_c() and _c().status().executions)")
            seen.executions = int(next(content["text"] for kind, content in asked if kind == "stream"))  # type: ignore[index]
    finally:
        wire.close()
    if track:
        seen.unknown = _unknown(folder)
    return seen


def _unknown(folder: Path) -> dict[str, list[str]]:
    """Executions whose record says that something is not known: the last records of all that stand in the outbox.

    A module by name, when the same record says for certain what of its state changed (`pd`, with `$env pandas`), is known.
    """
    executions: dict[int, CellExecution] = {}
    for file in folder.glob("**/outbox/*.jsonl"):
        for line in file.read_bytes().splitlines():
            entity = decode(line).entity if line else None
            if isinstance(entity, CellExecution) and entity.source and entity.source != DUMP:
                executions[entity.n] = entity
    assert executions, f"no record under {folder}"
    found: dict[str, list[str]] = {}
    for one in executions.values():
        state = any(write.name.startswith("$") and write.how != "maybe" for write in one.writes)
        doubtful = [write.name for write in one.writes
                    if write.how == "maybe" and not (state and write.fingerprint.kind == "module")]  # fmt: skip
        why = one.opaque[0] if one.opaque else f"maybe: {doubtful[0]}" if doubtful else "unverified" if one.unverified else ""
        if why:
            found.setdefault(why, []).append(one.source)
    return found


def compared(name: str, plain: Seen, tracked: Seen) -> list[str]:
    """The differences, in words."""
    found: list[str] = []
    for number, (cell, before, after) in enumerate(zip(cells_of(name), plain.cells, tracked.cells, strict=True)):
        if before != after:
            for one, other in zip([*before, ("nothing", None)], [*after, ("nothing", None)], strict=False):
                if one != other:
                    found.append(f"cell {number}: {cell[:60]!r}\n      plain   {_near(one, other)}\n      tracked {_near(other, one)}")
                    break
    for key in sorted(plain.state.keys() | tracked.state.keys()):
        one, other = plain.state.get(key), tracked.state.get(key)
        if one != other:
            found.append(f"state, {key}: {_difference(one, other)}")
    if tracked.executions < len(plain.cells):
        found.append(f"only {tracked.executions} of {len(plain.cells)} cells were recorded")
    return found


def _near(one: object, other: object) -> str:
    """One's text from a little before the place where it leaves the other's."""
    text, against = str(one), str(other)
    place = next((number for number, (a, b) in enumerate(zip(text, against, strict=False)) if a != b), 0)
    return f"{text[:40]} … {text[max(0, place - 60):place + 160]}"


def _difference(one: object, other: object) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in sorted(one.keys() | other.keys(), key=str) if one.get(key) != other.get(key)]
        return "; ".join(f"{key}: plain {str(one.get(key))[:200]} tracked {str(other.get(key))[:200]}" for key in keys[:5])
    if isinstance(one, list) and isinstance(other, list):
        return f"only plain {[x for x in one if x not in other][:8]}, only tracked {[x for x in other if x not in one][:8]}"
    return f"plain {str(one)[:300]} tracked {str(other)[:300]}"


def differences(name: str) -> tuple[int, list[str], Seen]:
    """(messages compared, differences, what the tracked kernel showed) of one notebook, its two kernels side by side."""
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        # folders of equal length: what is cut or aligned by length is the same in both
        plain = pool.submit(played, name, Path(place) / "off", track=False)
        tracked = pool.submit(played, name, Path(place) / "on_", track=True)
        both = plain.result(), tracked.result()
        for seen, word in zip(both, ("off", "on_"), strict=True):
            seen.state = json.loads(json.dumps(seen.state).replace(str(Path(place) / word), "FOLDER"))
    return sum(map(len, both[0].cells)), compared(name, *both), both[1]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    arguments = parser.parse_args()
    names = arguments.only or (SHORT if arguments.short else sorted(file.stem for file in NOTEBOOKS.glob("*.txt")))
    failed = messages = cells = 0
    unknown: dict[str, list[str]] = {}
    clock = time.perf_counter()
    print(f"{'notebook':<24}{'cells':>6}{'messages':>10}{'differences':>13}")
    for name in names:
        try:
            heard, found, tracked = differences(name)
            for why, sources in tracked.unknown.items():
                unknown.setdefault(why, []).extend(f"{name}: {source}" for source in sources)
        except Exception as error:
            heard, found = 0, [f"could not be played: {type(error).__name__}: {error}"]
        messages += heard
        cells += len(cells_of(name))
        failed += len(found)
        print(f"{name:<24}{len(cells_of(name)):>6}{heard:>10}{len(found):>13}", flush=True)
        for line in found:
            print("   ", line, flush=True)
    print(f"{len(names)} notebooks, {cells} cells, {messages} messages, {failed} differences, {time.perf_counter() - clock:.0f} s, "
          f"Python {sys.version.split()[0]}")
    many = sum(map(len, unknown.values()))
    print(f"{many} of {cells} executions = {many / cells:.2%} are marked unknown, whole or in part")
    for why, sources in sorted(unknown.items(), key=lambda item: -len(item[1])):
        print(f"   {len(sources):4}  {why}: {sources[0][:90]!r}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
