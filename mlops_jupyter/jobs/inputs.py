"""What a slice takes from outside: the files, where they lay and how a job finds them again; the addresses; the questions.

An input is a file that the slice read and had not written itself. A file that the slice writes only when it is absent (`if
not path.exists(): export`) is an input too: with the file in place the export does not run, so another file may take its
place. A path inside the notebook's folder keeps its relative layout; a literal path outside is rewritten to `inputs/<file>`.
"""

from __future__ import annotations

import ast
import os
import re
import urllib.parse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePath

import msgspec

from mlops_jupyter.entities import CellExecution, FileAccess, JobInput, Observation, Profile
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.fingerprint.tables import table_file
from mlops_jupyter.jobs.source import Edit, Positions, parse
from mlops_jupyter.lineage.text import read_text


class FoundInput(msgspec.Struct):
    """An input, the file it was, and the edits, by cell execution, that make its path relative."""

    input: JobInput
    file: Path
    inside: bool
    """True if the file lies inside the notebook's folder."""
    edits: list[tuple[int, Edit]]
    profile: Profile | None = None


def find_inputs(cells: Sequence[CellExecution], folder: Path, *, observations: Sequence[Observation] = (),
                modules: Mapping[str, str] | None = None) -> list[FoundInput]:
    """The inputs of these cells, in order of first reading. `modules`: sources of the local modules by name."""
    helper_guards = any(read_text(source).looks_first for source in (modules or {}).values())
    taken: set[str] = set()
    files = [_found(access, cells, folder, observations, taken) for access in external_reads(cells, helper_guards=helper_guards)]
    queries = [FoundInput(entry, Path(), True, []) for entry in find_queries(cells, taken)]
    return [*files, *find_addresses(cells, taken), *queries]


def external_reads(cells: Sequence[CellExecution], *, helper_guards: bool = False) -> list[FileAccess]:
    """The first reading of each file that the cells had not written before, or only write when it is absent."""
    made: dict[str, bool] = {}  # file → written only when it is absent
    reads: dict[str, FileAccess] = {}
    for cell in cells:
        guarded = helper_guards or read_text(cell.source).looks_first
        wrote = {_key(access): access for access in cell.files if access.mode == "write"}
        for access in cell.files:
            key = _key(access)
            # Which came first within one cell is not recorded: read and written there, it counts as made there.
            own = made.get(key, True) if key in made else guarded if key in wrote else True
            if access.mode == "read" and key not in reads and own:
                reads[key] = _with_content(access, wrote.get(key))
        for key in wrote:
            made.setdefault(key, guarded)
    return list(reads.values())


def _key(access: FileAccess) -> str:
    return access.relative or access.path


def _with_content(access: FileAccess, written: FileAccess | None) -> FileAccess:
    """A file that a cell exported and then read: what it read is what it had written."""
    if access.fingerprint.digest is None and written is not None:
        return msgspec.structs.replace(access, fingerprint=written.fingerprint)
    return access


def where(access: FileAccess, folder: Path) -> Path:
    """The file on this machine: inside `folder` (the session's) by its relative path, else as it was opened."""
    inside = access.relative and not access.relative.startswith("..")
    return Path(os.path.normpath(folder / Path(access.relative if inside else access.path).expanduser()))


def _found(access: FileAccess, cells: Sequence[CellExecution], folder: Path, observations: Sequence[Observation],
           taken: set[str]) -> FoundInput:
    file = where(access, folder)
    inside = bool(access.relative) and not access.relative.startswith("..")
    place = PurePath(access.relative).as_posix() if inside else f"inputs/{file.name}"
    spellings = {access.path, str(file), os.path.relpath(file, folder)} - {place}
    literal = [edit for spelling in sorted(spellings) for edit in literal_edits(spelling, place, cells)]
    fixed = not inside and not literal
    path = str(file) if fixed else place
    entry = JobInput(_name(file.stem, taken), path, access.fingerprint, source="" if inside else str(file), fixed=fixed)
    found = FoundInput(entry, file, inside, literal)
    _describe(found)
    if found.input.schema is None:
        schema = next((data.schema for seen in observations for data in seen.datasets
                       if data.schema is not None and data.source in {access.path, access.relative, str(file)}), None)
        found.input = msgspec.structs.replace(found.input, schema=schema)
    return found


def _describe(found: FoundInput) -> None:
    """Columns, rows and statistics, from the file if it is still what was read."""
    if not found.file.is_file() or not fingerprint_file(found.file).same_as(found.input.fingerprint):
        return
    table = table_file(found.file, statistics=True)
    if table is not None and not table.error:
        found.input = msgspec.structs.replace(found.input, schema=table.schema, rows=table.rows)
        found.profile = table.profile


def find_addresses(cells: Sequence[CellExecution], taken: set[str]) -> list[FoundInput]:
    """What the cells read at an address that stands in them: from now on from a file, which is fetched from there."""
    found: dict[str, FoundInput] = {}
    for cell in cells:
        for query in cell.queries:
            if query.kind != "url" or query.text in found or not query.text.startswith(("http://", "https://")):
                continue
            file = PurePath(urllib.parse.unquote(urllib.parse.urlsplit(query.text).path)).name or "page"
            name = _name(PurePath(file).stem, taken)
            place = f"inputs/{name}{''.join(PurePath(file).suffixes[-2:])}"
            edits = literal_edits(query.text, place, cells)
            if edits:
                mark = msgspec.structs.replace(query.fingerprint, kind="file")
                entry = JobInput(name, place, mark, source=query.text, kind="url")
                found[query.text] = FoundInput(entry, Path(place), False, edits)
    return list(found.values())


def find_queries(cells: Sequence[CellExecution], taken: set[str]) -> list[JobInput]:
    """The statements that the cells asked a database, each once: what they gave is compared after a run."""
    asked = {query.text: query for cell in cells for query in cell.queries if query.kind == "sql" and _reads(query.text)}
    return [JobInput(_name("query", taken), one.text, one.fingerprint, source=one.source, fixed=True, kind="query", rows=one.rows)
            for one in asked.values()]


def _reads(statement: str) -> bool:
    return statement.lstrip(" (\n").lower().startswith(("select", "with", "from", "table", "values", "show", "describe"))


def literal_edits(path: str, place: str, cells: Sequence[CellExecution]) -> list[tuple[int, Edit]]:
    """Each string literal that is exactly `path`, replaced by the relative one."""
    edits: list[tuple[int, Edit]] = []
    for cell in cells:
        tree = parse(cell.source)
        if tree is None:
            continue
        inside_text = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        positions = Positions(cell.source)
        edits += [(cell.n, Edit(*positions.span(node), repr(place))) for node in ast.walk(tree)
                  if isinstance(node, ast.Constant) and node.value == path and id(node) not in inside_text]
    return edits


def _name(stem: str, taken: set[str]) -> str:
    name = re.sub(r"\W+", "_", stem).strip("_") or "input"
    name = f"input_{name}" if name[0].isdigit() else name
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    taken.add(unique)
    return unique


def names_of(inputs: Collection[JobInput]) -> str:
    """The names of the inputs, for a message."""
    return ", ".join(sorted(each.name for each in inputs)) or "none"
