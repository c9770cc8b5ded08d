"""The inputs of a verification at their places: as they still are, else as they were kept.

A file that changed, or is gone, is put together again from its leaves in the verification's own folder, never over the user's
file. Code that opens it by a relative path finds it there; a literal absolute path in a cell is rewritten to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.entities import CellExecution, FileAccess, MlopsError, Observation, ResultVerdict
from mlops_jupyter.entities.kept import manifest_of
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.jobs.inputs import literal_edits, where
from mlops_jupyter.jobs.source import Edit, apply
from mlops_jupyter.jobs.work import place


class Laid(msgspec.Struct):
    """The folder to work in. `gone`: inputs that could not be had. `restored`: those put together again, by their own path."""

    work: Path
    gone: list[ResultVerdict] = []
    restored: dict[str, str] = {}
    edits: dict[int, list[Edit]] = {}

    def source(self, cell: CellExecution) -> str:
        """The cell's source, with absolute paths of restored files led to where they are now."""
        return apply(cell.source, self.edits[cell.n]) if cell.n in self.edits else cell.source


class Kept:
    """The files that the cells of a session read and that were kept."""

    def __init__(self, observations: Sequence[Observation], blob: Callable[[str], bytes]) -> None:
        seen = [one for one in observations if one.kind == "dataset" and one.fingerprint is not None and one.fingerprint.digest]
        self._manifests = {str(one.fingerprint.digest): one.blob for one in seen if one.fingerprint and one.blob}
        self._details = {str(one.fingerprint.digest): one.details for one in seen if one.fingerprint}
        self._blob = blob

    def write(self, access: FileAccess, target: Path) -> str:
        """Put the file together at `target`. "" if it is there, byte for byte; else why not, in words."""
        digest = access.fingerprint.digest or ""
        blob = self._manifests.get(digest)
        if blob is None:
            details = self._details.get(digest, {})
            version = f"; its source has it as {details['version']}" if "version" in details else ""
            return (f"it was not kept: {details['why']}" if "why" in details else "") + version
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            manifest = manifest_of(self._blob(blob))
            with target.open("wb") as file:
                for leaf in () if manifest is None else manifest.leaves:
                    file.write(self._blob(leaf))
        except MlopsError as error:
            target.unlink(missing_ok=True)
            return f"it was kept, and a part of it is missing: {error}"
        return "" if fingerprint_file(target).same_as(access.fingerprint) else "it was kept, and its parts do not match any more"

    def has(self, access: FileAccess) -> bool:
        """True if the file was kept."""
        return (access.fingerprint.digest or "") in self._manifests


def lay_out(folder: Path, reads: Sequence[FileAccess], cells: Sequence[CellExecution], origin: Path,
            missing: Mapping[str, ResultVerdict], kept: Kept) -> Laid:
    """A folder deep enough that `../data/x` stays inside `folder`, with each input at its place. `missing` by label."""
    laid = Laid(folder / "w" / "o" / "r" / "k")
    laid.work.mkdir(parents=True)
    for at, access in enumerate(reads):
        source = where(access, origin)
        target = Path(os.path.normpath(laid.work / (access.relative or os.path.relpath(source, origin))))
        inside = target.is_relative_to(folder)
        verdict = missing.get(access.relative or access.path)
        if verdict is None:
            if inside:
                place(str(source), target, access.path)
            continue
        target = target if inside else folder / "kept" / str(at) / source.name
        why = kept.write(access, target)
        edits = [] if why and not kept.has(access) else _edits(access, source, target, cells)
        beside = os.path.relpath(source, origin)
        if not (why or access.relative or edits or literal_edits(beside, beside, cells)):
            why = "it was kept, but no literal in the cells names its path, so that they cannot be given the kept one"
        if why or not kept.has(access):
            detail = "; ".join(part for part in (verdict.detail, why) if part)
            laid.gone.append(msgspec.structs.replace(verdict, detail=detail))
            continue
        laid.restored[str(source)] = str(access.fingerprint.digest)
        for n, edit in edits:
            laid.edits.setdefault(n, []).append(edit)
    return laid


def _edits(access: FileAccess, source: Path, target: Path, cells: Sequence[CellExecution]) -> list[tuple[int, Edit]]:
    spellings = sorted({access.path, str(source)})
    return [edit for spelling in spellings for edit in literal_edits(spelling, str(target), cells)]


def read_instead(laid: Laid, executions: Sequence[CellExecution]) -> list[ResultVerdict]:
    """One verdict for each restored file of which the clean run read the user's changed one all the same."""
    return [ResultVerdict(access.path, "input gone", laid.restored[access.path], access.fingerprint.digest,
                          "it was kept, but the code opens the changed file by an absolute path")
            for execution in executions for access in execution.files
            if access.mode == "read" and access.path in laid.restored
            and access.fingerprint.digest != laid.restored[access.path]]


def changed_queries(recorded: Sequence[CellExecution], found: Sequence[CellExecution]) -> list[ResultVerdict]:
    """One verdict for each query or address whose answer is another one now, by text: a reason why results differ."""
    now = {(one.kind, one.text): one for cell in found for one in cell.queries if one.fingerprint.digest}
    verdicts = []
    for one in (query for cell in recorded for query in cell.queries if query.fingerprint.digest):
        other = now.get((one.kind, one.text))
        if other is None or other.fingerprint.digest == one.fingerprint.digest:
            continue
        same_rows = one.unordered is not None and one.unordered == other.unordered
        what = "the query gives" if one.kind == "sql" else "the address gives"
        detail = f"{what} the same rows in another order" if same_rows else (
            f"{what} {other.rows} rows, recorded were {one.rows}" if one.rows != other.rows else f"{what} other content now")
        name = " ".join(one.text.split())[:80]
        verdicts.append(ResultVerdict(name, "input gone", one.fingerprint.digest, other.fingerprint.digest, detail))
    return verdicts
