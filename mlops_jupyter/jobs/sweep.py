"""What a sweep runs: rows of a file × a grid × random draws, each a child with parameters that were checked before any starts.

Planning is pure: options and a manifest in, children out. A sweep that was planned is a value that can be written down, so that
whoever finds its folder knows what was to be done, what is done, and can go on.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.parameters import Value, validate
from mlops_jupyter.jobs.ranges import Range, draw, own_range, read_range, values

MOST_CHILDREN = 100_000
ChildState = Literal["waiting"] | OutcomeState


class Child(msgspec.Struct, omit_defaults=True):
    """One run of the sweep. `number` counts from 1; `attempt` how often it was started; `folder` is that of the last attempt."""

    number: int
    parameters: dict[str, Value]
    """All that were given to it; the others are at the job's defaults."""
    state: ChildState = "waiting"
    attempt: int = 0
    folder: str = ""
    """Relative to the sweep's."""
    submission: str = ""
    """The last that it was handed over as, in a sweep on a runner."""
    session: str = ""
    error: str = ""
    cell: int | None = None
    seconds: float = 0.0
    metrics: dict[str, float] = {}


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runner that has the children, and how it is given them; the same fields as for one submission."""

    runner: str
    options: dict[str, str] = {}
    deliver: str = ""
    unverified: bool = False
    retries: int = 0
    timeout: float | None = None


class Sweep(msgspec.Struct, omit_defaults=True):
    """A sweep, as `sweep.json` in its folder holds it."""

    job: str
    """Digest of the bundle: a sweep is of one job."""
    bundle: str
    name: str
    created: float
    children: list[Child]
    varied: list[str]
    """Parameters that are not the same in all children, in the order of the options."""
    inputs: dict[str, str] = {}
    seed: int | None = None
    ended: float | None = None
    stopped: str = ""
    """Why it ended before its last child; "" if it did not."""
    id: str = ""
    """Its children's submissions name it as their parent."""
    elsewhere: Elsewhere | None = None
    """None: its children run in the process of `mlops sweep`."""
    version: int = 1


class Axes(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, as text. `rows`: a CSV file with a header; `random`: draws for each row and point of the grid."""

    fixed: Mapping[str, str] = {}
    grid: Mapping[str, str] = {}
    rows: Path | None = None
    random: int = 0
    ranges: Mapping[str, str] = {}
    seed: int | None = None


def plan(parameters: Sequence[JobParameter], axes: Axes) -> tuple[list[Child], list[str]]:
    """(children, parameters that vary). Raises InputError for anything that is wrong in any of them."""
    known = {parameter.name: parameter for parameter in parameters}
    validate(parameters, {name: known[name].default if name in known else "" for name in [*axes.grid, *axes.ranges]})
    rows = _rows(axes.rows, parameters) if axes.rows is not None else [{}]
    ranges = _ranges(parameters, axes, {*axes.fixed, *axes.grid, *rows[0]})
    _check_once([*axes.fixed], [*axes.grid], [*rows[0]], [*ranges])
    fixed = validate(parameters, axes.fixed)
    grid = [_typed(parameters, name, values(known[name], text, "--grid")) for name, text in axes.grid.items()]
    draws = [validate(parameters, drawn) for drawn in draw(parameters, ranges, axes.random, axes.seed or 0)] or [{}]
    count = len(rows) * len(draws)
    for axis in grid:
        count *= len(axis)
    if count > MOST_CHILDREN:
        raise InputError(f"this sweep would have {count:,} children; the most is {MOST_CHILDREN:,}", "give fewer values")
    children = [Child(number, {**fixed, **row, **dict(zip(axes.grid, point, strict=True)), **drawn})
                for number, (row, point, drawn) in enumerate(product(rows, product(*grid), draws), 1)]
    return children, varied(children)


def varied(children: Sequence[Child]) -> list[str]:
    """Names of the parameters whose values differ between the children."""
    first = children[0].parameters if children else {}
    return [name for name, value in first.items() if any(child.parameters[name] != value for child in children)]


def _typed(parameters: Sequence[JobParameter], name: str, given: Sequence[object]) -> list[Value]:
    return [validate(parameters, {name: value})[name] for value in given]


def _check_once(*named: list[str]) -> None:
    options = ("-p", "--grid", "a column of --foreach", "--random-range")
    seen: dict[str, str] = {}
    for option, names in zip(options, named, strict=True):
        for name in names:
            if name in seen:
                raise InputError(f"parameter {name} is given twice: by {seen[name]} and by {option}", "leave one of them out")
            seen[name] = option


def _ranges(parameters: Sequence[JobParameter], axes: Axes, taken: set[str]) -> dict[str, Range]:
    """What to draw from: the ranges given, else those in the schemas of parameters that nothing else sets."""
    if axes.random < 0 or (axes.ranges and not axes.random):
        raise InputError(f"--random {axes.random} draws nothing", "say how many: --random 50")
    if not axes.random:
        return {}
    known = {parameter.name: parameter for parameter in parameters}
    given = {name: read_range(known[name], text, "--random-range") for name, text in axes.ranges.items()}
    own = {one.name: found for one in parameters if one.name not in taken and (found := own_range(one)) is not None}
    if given or own:
        return given or own
    free = next((one for one in parameters if one.name not in taken and one.type in {"integer", "number"}), None)
    example = f"{free.name}={'1..10' if free.type == 'integer' else '0.01..10'}" if free else "NAME=A,B,C"
    raise InputError(f"--random {axes.random} has nothing to draw from: no parameter of this job has a range",
                     f"give one: --random-range {example} (also log:0.001..10, or A,B,C)")


def _rows(path: Path, parameters: Sequence[JobParameter]) -> list[dict[str, Value]]:
    """The rows of the file, typed, as parameters. InputError names the file, the line and what is wrong there."""
    header, *lines = _read(path)
    _check_header(path, header[1], [parameter.name for parameter in parameters])
    rows = []
    for number, cells in lines:
        if len(cells) != len(header[1]):
            raise InputError(f"{path}, line {number}: {len(cells)} values, but the header has {len(header[1])}",
                             "give each row one value for each column; a value with a comma goes in quotes")
        try:
            rows.append(validate(parameters, dict(zip(header[1], cells, strict=True))))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error.what}", error.remedy) from None
    return rows


def _read(path: Path) -> list[tuple[int, list[str]]]:
    """Lines with their numbers, the header first; blank ones left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            found = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}",
                         f"iconv -f LATIN1 -t UTF-8 {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "--foreach takes a CSV file with a header") from None
    except csv.Error as error:
        raise InputError(f"{path} is no CSV file: {error}", "--foreach takes a CSV file with a header") from None
    if len(found) < 2:
        raise InputError(f"{path} holds no row below its header", "--foreach runs the job once for each row")
    return found


def _check_header(path: Path, header: Sequence[str], known: Sequence[str]) -> None:
    for place, name in enumerate(header):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else "commas go between columns; " if ";" in name or "\t" in name else ""
            raise InputError(f"{path} has a column {name!r}, and this job has no parameter of that name",
                             f"{hint}parameters of this job: {', '.join(sorted(known)) or 'none'}")
        if name in header[:place]:
            raise InputError(f"{path} has two columns {name!r}", "leave one of them out")
