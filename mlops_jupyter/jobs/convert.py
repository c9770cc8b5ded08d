"""From a slice to a draft of a job: the needed cells in execution order, parametrised, with nothing of ours left in them.

Everything is a cut or a replacement in the text that the user typed; the draft lists each, so that a preview shows exactly what
will differ. Drafting runs nothing and writes nothing: `bundle.write` puts a draft on disk.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    InputError,
    JobInput,
    JobManifest,
    JobParameter,
    Observation,
    Run,
    Session,
)
from mlops_jupyter.entities.jobs import InputPolicy
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.jobs import lock
from mlops_jupyter.jobs.candidates import Candidate, candidates, parameters_cell
from mlops_jupyter.jobs.choice import Choice, warnings_of
from mlops_jupyter.jobs.containerfile import CONTAINERFILE, containerfile
from mlops_jupyter.jobs.effects import REDACTED
from mlops_jupyter.jobs.inputs import FoundInput, find_inputs, names_of
from mlops_jupyter.jobs.modules import CarriedModule, local_modules
from mlops_jupyter.jobs.ours import cut_ours
from mlops_jupyter.jobs.parameters import Value
from mlops_jupyter.jobs.reference import expected_values, job_results, untold
from mlops_jupyter.jobs.source import Edit, apply, bound_names, imported_modules, is_blank, parse
from mlops_jupyter.jobs.terms import Terms, apply_terms
from mlops_jupyter.lineage.slice import Result, Slice

NOTEBOOK = "notebook.ipynb"
RESERVED = frozenset({"job.yaml", NOTEBOOK, "requirements.txt", "pylock.toml", CONTAINERFILE})
CARRY_BYTES = 50 * 1024 * 1024
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")


class Cut(msgspec.Struct, frozen=True):
    """Text that left a cell, or was replaced in it: of which execution, at which line, for which parameter ("": ours, a path)."""

    name: str
    cell: int
    line: int
    text: str
    replaced_by: str = ""


class ConvertOptions(msgspec.Struct, kw_only=True):
    """What to make. `keep`: the parameters to have (None: all candidates); `results`: all that it must bring back."""

    name: str = ""
    results: Sequence[Result] = ()
    keep: Sequence[str] | None = None
    leave_out: Sequence[str] = ()
    terms: Mapping[str, Terms] = {}
    """What the user says of the parameters, by the name that they have in the cells."""
    policies: Mapping[str, InputPolicy] = {}
    """Input (or `*`) → what is done where its schema has changed or it is broken."""
    seed: int = 0
    owner: str = ""
    kernel: str = "python3"
    run: Run | None = None
    choice: Choice = Choice()
    """What somebody added and left out, which the slice has followed already."""
    cells_total: int = 0
    """Code cells in the notebook; 0: as many different cells as the session executed."""
    carry_bytes: int = CARRY_BYTES
    folder: Path | None = None
    """Where relative paths start; None: the session's folder."""


class DraftCell(msgspec.Struct):
    """One cell of the job beside what it was: `source` as typed, `job` as it will run ("" if nothing of it is left)."""

    n: int
    id: str
    source: str
    job: str


class Draft(msgspec.Struct):
    """A job before it is written. `files` maps each path in the bundle, other than job.yaml, to its bytes."""

    manifest: JobManifest
    notebook: dict[str, object]
    files: dict[str, bytes]
    cuts: list[Cut]
    cells: list[DraftCell]


def draft(session: Session, slice: Slice, executions: Sequence[CellExecution],  # noqa: PLR0913, PLR0917 (the ledger's facts)
          observations: Sequence[Observation], runs: Sequence[Run], blob: Callable[[str], bytes],
          options: ConvertOptions | None = None) -> Draft:
    """The job that reproduces the slice's result. Raises InputError or ConflictError for what cannot become a job."""
    options = options or ConvertOptions()
    cells = _cells_of(slice, executions)
    folder = options.folder or Path(session.cwd or ".")
    modules = local_modules(cells, executions, blob)
    inputs = find_inputs(cells, folder, observations=observations, modules={each.name: each.source for each in modules})
    chosen = _chosen(candidates(cells, runs=runs, history=executions, paths=[each.input.path for each in inputs]
                                + [str(each.file) for each in inputs]), options, cells)
    edits = cut_ours({cell.n: cell.source for cell in cells})
    cuts = [_cut(cell, "", edit) for cell in cells for edit in edits[cell.n]]
    sources = {cell.n: cell for cell in cells}
    for name, n, edit in [(each.parameter.name, n, edit) for each in chosen for n, edit in each.edits] + [
            ("", n, edit) for found in inputs for n, edit in found.edits]:
        edits[n].append(edit)
        cuts.append(_cut(sources[n], name, edit))
    secret = {each.parameter.name: f"{each.assigned} = …" for each in chosen if each.parameter.type == "secret"}
    cuts = [msgspec.structs.replace(cut, text=secret[cut.name]) if cut.name in secret else cut for cut in cuts]
    drafted = [DraftCell(cell.n, cell.cell, cell.source, apply(cell.source, edits[cell.n])) for cell in cells]
    for cell in drafted:
        cell.job = "" if is_blank(cell.job) else cell.job.rstrip("\n")
    _refuse_redacted(drafted)
    seed = _seed_parameter(slice, cells, options)
    parameters = [*(each.parameter for each in chosen), *([seed] if seed else [])]
    notebook = _notebook(drafted, parameters, _seeding(slice.unseeded, seed), options)
    manifest = _manifest(session, slice, executions, observations, runs, options)
    manifest.parameters = parameters
    manifest.seed = options.seed if seed else None
    manifest.results = job_results(slice.result, options.results, cells, observations, executions)
    manifest.inputs = _on_their_policy([each.input for each in inputs], options.policies)
    manifest.warnings += [f"no result of the job is {name}: log_metric was given an expression; assign it first, run the cell, "
                          f"convert again: value = …; mlops.log_metric({name!r}, value)" for name in untold(cells, observations)]
    if seed is not None:
        manifest.warnings.append(f"{seed.description}: the job has a parameter {seed.name}, default {options.seed}; where the "
                                 "recorded values do not come out with it, its reference is its own first clean run")
    manifest.cells = sum(1 for cell in drafted if cell.job)
    manifest.modules = [each.name for each in modules]
    made = Draft(manifest, notebook, {}, cuts, drafted)
    _fill(made, _Parts(session, slice, cells, executions, inputs, modules, options))
    profiles = {each.input.name: each.profile for each in inputs if each.profile is not None}
    if profiles:
        made.files["reference/inputs.json"] = msgspec.json.format(msgspec.json.encode(profiles), indent=1) + b"\n"
    made.files["reference/results.json"] = expected_values(manifest.results, cells, observations)
    return made


def _on_their_policy(inputs: list[JobInput], policies: Mapping[str, InputPolicy]) -> list[JobInput]:
    unknown = [name for name in policies if name not in {"*", *(each.name for each in inputs)}]
    if unknown:
        raise InputError(f"the job has no input {unknown[0]!r}", f"inputs: {names_of(inputs)}, or * for all")
    return [msgspec.structs.replace(each, policy=policies.get(each.name, policies.get("*", each.policy))) for each in inputs]


class _Parts(msgspec.Struct):
    session: Session
    slice: Slice
    cells: list[CellExecution]
    executions: Sequence[CellExecution]
    inputs: list[FoundInput]
    modules: list[CarriedModule]
    options: ConvertOptions


def _cells_of(slice: Slice, executions: Sequence[CellExecution]) -> list[CellExecution]:
    by_n = {execution.n: execution for execution in executions}
    missing = [n for n in slice.cells if n not in by_n]
    if missing or not slice.cells:
        raise InputError(f"the cells needed for {slice.result.name!r} are not all in the session: {missing or 'there are none'}",
                         f"mlops why {slice.result.name}")
    cells = [by_n[n] for n in slice.cells]
    for cell in cells:
        first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
        if first.startswith("%%") and parse(cell.source) is None and not first.startswith("%%mlops"):
            raise InputError(f"cell [{cell.n}] is not Python ({first}), and a job keeps Python cells only",
                             "move it out of the way of the result, or write its step in Python")
    return cells


def _refuse_redacted(cells: Sequence[DraftCell]) -> None:
    """Raise ConflictError where the recorded source lacks a secret and no parameter takes its place."""
    missing = [cell for cell in cells if REDACTED in cell.job]
    if missing:
        line = next(line for line in missing[0].source.splitlines() if REDACTED in line).strip()
        raise ConflictError(f"a secret was taken out of cell [{missing[0].n}] ({line[:80]}): it cannot be run again as recorded",
                            'read it when the cell runs, as in os.environ["API_KEY"], or assign it in a line of its own and make '
                            "it a parameter: --term NAME.secret=env:VARIABLE")


def _chosen(found: list[Candidate], options: ConvertOptions, cells: Sequence[CellExecution]) -> list[Candidate]:
    """The parameters wanted, on the user's terms. One whose literal is a secret that was taken out is a secret."""
    names = [each.parameter.name for each in found]
    unknown = [name for name in [*(options.keep or ()), *options.leave_out] if name not in names]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no literal that the needed cells assign exactly once",
                         f"possible parameters: {', '.join(names) or 'none'}")
    chosen = [each for each in found if (options.keep is None or each.parameter.name in options.keep)
              and each.parameter.name not in options.leave_out]
    redacted = [each.assigned for each in chosen if REDACTED in str(each.parameter.default)]
    terms = {**{name: Terms(secret="env") for name in redacted}, **options.terms}  # noqa: S106 (a word, no secret)
    return apply_terms(chosen, terms, cells)


def _cut(cell: CellExecution, name: str, edit: Edit) -> Cut:
    line = cell.source.count("\n", 0, edit.start) + 1
    return Cut(name, cell.n, line, cell.source[edit.start:edit.end].rstrip("\n"), edit.text)


def _seed_parameter(slice: Slice, cells: Sequence[CellExecution], options: ConvertOptions) -> JobParameter | None:
    if not slice.unseeded:
        return None
    taken = {name for cell in cells if (tree := parse(cell.source)) is not None for name in bound_names(tree)}
    name = "random_seed" if "seed" in taken else "seed"
    return JobParameter(name, "integer", options.seed, {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
                        f"no cell seeded {' and '.join(slice.unseeded)}")


def _seeding(sources: Sequence[str], seed: JobParameter | None) -> str:
    if seed is None:
        return ""
    known = [seeder for source, seeder in _SEEDERS.items() if source in sources]
    return "\n".join([*(f"import {module}" for module, _ in known), "", *(f"{call}({seed.name})" for _, call in known)])


_SEEDERS = {"numpy": ("numpy", "numpy.random.seed"), "python": ("random", "random.seed"), "torch": ("torch", "torch.manual_seed")}


def _notebook(cells: Sequence[DraftCell], parameters: Sequence[JobParameter], seeding: str,
              options: ConvertOptions) -> dict[str, object]:
    head = parameters_cell(parameters) if parameters else "# This job has no parameters."
    made = [_cell("parameters", head, ["parameters"])]
    if seeding:
        made.append(_cell("seed", seeding, []))
    taken = {"parameters", "seed"}
    made += [_cell(_unique(cell, taken), cell.job, []) for cell in cells if cell.job]
    return {
        "cells": made,
        "metadata": {
            "kernelspec": {"name": options.kernel, "display_name": options.kernel, "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(identity: str, source: str, tags: list[str]) -> dict[str, object]:
    metadata: dict[str, object] = {"tags": tags} if tags else {}
    return {"cell_type": "code", "id": identity, "metadata": metadata, "execution_count": None, "outputs": [], "source": source}


def _unique(cell: DraftCell, taken: set[str]) -> str:
    base = cell.id if _CELL_ID.fullmatch(cell.id) else f"cell-{cell.n}"
    identity = base if base not in taken else f"{base[:50]}-{cell.n}"
    taken.add(identity)
    return identity


def _manifest(session: Session, slice: Slice, executions: Sequence[CellExecution],
              observations: Sequence[Observation], runs: Sequence[Run], options: ConvertOptions) -> JobManifest:
    run = options.run or next((each for each in runs if each.slice_digest and each.slice_digest == slice.digest), None)
    notebook = session.notebook.path if session.notebook is not None else ""
    stem = PurePosixPath(notebook.replace("\\", "/")).stem or "job"
    wanted = f"{stem}-{slice.result.name}" if not options.name else options.name
    total = options.cells_total or len({execution.cell or str(execution.n) for execution in executions})
    return JobManifest(
        name=re.sub(r"[^\w.-]+", "-", wanted).strip("-.") or "job", created=time.time(), parameters=[], inputs=[],
        results=[], cells=0, cells_total=total, owner=options.owner or session.user, notebook=notebook,
        made_from_run=run.id if run else "", made_from_session=session.id, experiment=session.experiment,
        experiment_id=session.experiment_id, python=session.environment.python if session.environment else "",
        kernel=options.kernel, warnings=_slice_warnings(slice) + warnings_of(options.choice),
        added=list(options.choice.added), left_out=list(options.choice.left_out),
    )


def _slice_warnings(slice: Slice) -> list[str]:
    found = [f"the slice is incomplete: {note}; restart the kernel, run tracked, and convert again" for note in slice.notes]
    found += [f"cell [{n}] ended with an error when it was recorded, and the job will stop there: mend the cell and convert again"
              for n in slice.failed]
    if slice.seed_cells:
        where = ", ".join(f"[{n}]" for n in slice.seed_cells)
        found.append(f"the seed set in cell {where} and the draws after it belong to the job")
    return found


def _fill(made: Draft, parts: _Parts) -> None:
    """The files of the bundle: notebook, modules, carried inputs, lock."""
    made.files[NOTEBOOK] = (json.dumps(made.notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    for module in parts.modules:
        _add(made, module.place, module.data, f"the local module {module.name}")
    for found in parts.inputs:
        _carry(made, found, parts.options.carry_bytes)
    environment = parts.session.environment
    if environment is None:
        made.manifest.warnings.append("no environment was recorded, so the job has no lock: pip freeze > requirements.txt")
        return
    names = lock.closure(environment, _imports(parts))
    made.files["requirements.txt"] = lock.requirements_txt(environment, names).encode()
    made.files["pylock.toml"] = lock.pylock_toml(environment, names).encode()
    made.files[CONTAINERFILE] = containerfile(made.manifest, made.files["requirements.txt"].decode())
    made.manifest.warnings += lock.warnings(environment, names)


def _carry(made: Draft, found: FoundInput, limit: int) -> None:
    """Put the file into the bundle if it lies in the notebook's folder, is small and is still what was recorded."""
    entry, file = found.input, found.file
    if entry.kind == "query":
        asked = f"{entry.source or 'a database'} ({' '.join(entry.path.split())[:60]})"
        made.manifest.warnings.append(f"{entry.name} asks {asked}: the job must reach it where it runs")
        return
    if entry.kind == "url":
        return
    if entry.fixed:
        made.manifest.warnings.append(f"input {entry.name} is opened at {entry.path}, which no literal in the cells names: "
                                      "it must be there where the job runs")
        return
    how = f"give it with -i {entry.name}=PATH"
    if not file.is_file():
        made.manifest.warnings.append(f"input {entry.name} ({entry.path}) is gone from {file}: {how}")
    elif not found.inside or file.stat().st_size > limit:
        why = "lies outside the notebook's folder" if not found.inside else f"is larger than {limit // 2**20} MB"
        made.manifest.warnings.append(f"input {entry.name} ({file}) {why} and is not carried: elsewhere {how}")
        _replace(made, entry.name, source=str(file))
    elif not fingerprint_file(file).same_as(entry.fingerprint):
        made.manifest.warnings.append(f"input {entry.name} ({entry.path}) has changed since the run and is not carried: {how}")
    else:
        _add(made, entry.path, file.read_bytes(), f"the input {entry.name}")
        _replace(made, entry.name, carried=True)


def _replace(made: Draft, name: str, *, source: str = "", carried: bool = False) -> None:
    made.manifest.inputs = [msgspec.structs.replace(each, source=source, carried=carried) if each.name == name else each
                            for each in made.manifest.inputs]


def _add(made: Draft, place: str, data: bytes, what: str) -> None:
    if place in RESERVED or place.startswith("reference/"):
        raise ConflictError(f"{what} lies at {place}, which is the name of a file of the bundle",
                            "rename it, run the cells, convert again")
    made.files[place] = data


def _imports(parts: _Parts) -> set[str]:
    """What the job imports: by name in its cells and modules, and what libraries imported by themselves up to its last cell."""
    last = parts.cells[-1].n
    found = {name for cell in parts.cells for name in [*imported_modules(cell.source), *cell.imports]}
    found |= {name for module in parts.modules for name in imported_modules(module.source)}
    for execution in parts.executions:
        if execution.n <= last:
            found |= set(execution.imports) - imported_modules(execution.source)
    return found


def default_values(parameters: Sequence[JobParameter]) -> dict[str, Value]:
    """Each parameter's default."""
    return {each.name: each.default for each in parameters}
