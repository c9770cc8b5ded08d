"""Which cells no longer follow from the notebook as it stands, and which to run so that they do again.

Two graphs are laid side by side: what happened, in the order of execution, and what a fresh run from top to bottom would
do, made from the last execution of each cell in the order of the notebook. A cell is stale if its text changed, or if
something that it read came from elsewhere than it would in the fresh run, unless the content is known to be equal. For
a cell without a valid execution the text stands in: what it binds and seems to change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from mlops_jupyter.entities import CellExecution, Fingerprint, Read, VariableVersion
from mlops_jupyter.entities.sessions import WriteKind
from mlops_jupyter.lineage.graph import build
from mlops_jupyter.lineage.text import functions, normalised, read_text, shared
from mlops_jupyter.lineage.versions import Graph, Step, Version, in_order

UNKNOWN = Fingerprint("opaque")


class StaleCell(msgspec.Struct, frozen=True):
    """A cell whose outputs no longer hold: its id, why in plain words, its last execution (None if it never ran).

    `kind`: edited, never run, failed, upstream, order, deleted, file, or rebuild: it holds, but state that it made was
    changed in place since, and a cell below needs it as it was.
    """

    id: str
    reason: str
    n: int | None = None
    kind: str = "upstream"


@dataclass(slots=True)
class _Notebook:
    """The current cells with what stands for each: its last execution, or a stand-in made from its text (n below 0)."""

    ids: list[str]
    last: dict[str, CellExecution | None]
    stand: dict[str, CellExecution]
    happened: Graph
    fresh: Graph
    place: dict[int, int]
    """n of what stands for a cell → position in the notebook."""
    owner: dict[int, str]
    """n of any execution → id of the cell that it ran, "" if that cell is gone."""
    own: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What is wrong with the cell by itself: (kind, reason)."""


def stale(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]],
          file_digest: Callable[[str], str | None] | None = None) -> list[StaleCell]:
    """The stale cells in notebook order. `cells`: the current code cells as (id, source), as shown from top to bottom.

    `file_digest(path)`: the present digest of a file that a cell read; None if it cannot be told.
    """
    book = _open(executions, cells)
    found = _settle(book, file_digest)
    _add_rebuilds(book, found)
    return [found[cell] for cell in book.ids if cell in found]


def rerun_plan(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]],
               file_digest: Callable[[str], str | None] | None = None) -> list[str]:
    """Ids of the cells to run, in notebook order, so that all is as after a fresh run from top to bottom."""
    book = _open(executions, cells)
    return _plan(book, set(_settle(book, file_digest)))


def _open(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]]) -> _Notebook:
    ran = [one for one in in_order(executions) if one.state not in {"running", "skipped"}]
    kept = [(cell, source) for cell, source in cells if _counts(source)]
    owner = _owners(ran, kept)
    last: dict[str, CellExecution | None] = {cell: None for cell, _ in kept}
    for execution in ran:
        if owner[execution.n]:
            last[owner[execution.n]] = execution
    defined = {name: what for _, source in kept for name, what in functions(source).items()}
    stand: dict[str, CellExecution] = {}
    own: dict[str, tuple[str, str]] = {}
    for position, (cell, source) in enumerate(kept):
        previous = last[cell]
        wrong = _own_fault(previous, source)
        if wrong:
            own[cell] = wrong
        whole = previous is not None and wrong is None
        stand[cell] = previous if whole and previous else _stand_in(source, previous, -1 - position, defined)
    return _Notebook(
        [cell for cell, _ in kept], last, stand, build(ran), build(stand.values()),
        {one.n: position for position, one in enumerate(stand.values())}, owner, own,
    )


def _counts(source: str) -> bool:
    """Blank cells and those that only talk to us cannot be stale."""
    lines = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    return any(not line.startswith(("%mlops", "%load_ext mlops_jupyter", "%%mlops skip")) for line in lines) and not (
        bool(lines) and lines[0].startswith("%%mlops skip"))


def _owners(ran: Sequence[CellExecution], cells: Sequence[tuple[str, str]]) -> dict[int, str]:
    """Which cell each execution ran, "" if that cell is gone: by id; by text where the front end sent no ids, or others."""
    known = dict(cells)
    foreign = not any(one.cell in known for one in ran)
    by_text = {normalised(source): cell for cell, source in reversed(cells)}
    owners: dict[int, str] = {}
    for one in ran:
        named = one.cell or f"n{one.n}"
        by_source = by_text.get(normalised(one.source), "") if foreign or not one.cell else ""
        owners[one.n] = named if named in known else by_source
    return owners


def _own_fault(last: CellExecution | None, source: str) -> tuple[str, str] | None:
    if last is None:
        return "never run", "never ran"
    if normalised(last.source) != normalised(source):
        return "edited", "edited since it ran"
    if last.state == "interrupted":
        return "failed", "was interrupted when it last ran"
    if last.state == "error":
        return "failed", f"ended in an error{f' ({last.error.name})' if last.error else ''} when it last ran"
    return None


def _stand_in(source: str, last: CellExecution | None, n: int,
              defined: Mapping[str, tuple[set[str], set[str]]]) -> CellExecution:
    """What a cell would probably read and write, from its text and from what an earlier version of it did."""
    text = read_text(source)
    old = read_text(last.source) if last is not None else text
    reads = {name: Read(name) for name in text.exposed}
    how: dict[str, WriteKind] = {}
    if last is not None:
        reads |= {read.name: read for read in last.reads if read.name not in old.loads or read.via}
        how |= {write.name: "maybe" for write in last.writes if write.name not in old.may_bind}
    for name in text.loads & defined.keys():
        reads |= {used: Read(used, name) for used in defined[name][0] if used not in reads}
        how |= dict.fromkeys(defined[name][1], "maybe")
    how |= dict.fromkeys(text.touches | text.may_bind, "maybe")
    how |= dict.fromkeys(text.binds, "rebound")
    return CellExecution(
        session="", n=n, source=source, state="ok", reads=list(reads.values()), stores=sorted(text.may_bind),
        writes=[VariableVersion(name, how[name], UNKNOWN) for name in sorted(how)],
        opaque=[] if text.parsed else ["cannot be parsed"], files=last.files if last is not None else [],
        random=last.random if last is not None else None,
    )


def _settle(book: _Notebook, file_digest: Callable[[str], str | None] | None) -> dict[str, StaleCell]:
    """Judge until nothing more follows: a stale cell may take other branches and meet other aliases than when it last ran."""
    while True:
        found = _judge(book, file_digest)
        everywhere, fresh = _sharing(book)
        anew = {name: what for cell in book.own for name, what in functions(book.stand[cell].source).items()}
        widened = {cell: _widened(book.stand[cell], everywhere if cell in found else fresh, anew, again=cell in found)
                   for cell in book.ids}
        if all(widened[cell] is book.stand[cell] for cell in book.ids):
            return found
        book.stand = widened
        book.fresh = build(widened.values())


def _widened(one: CellExecution, sharing: list[set[str]], anew: Mapping[str, tuple[set[str], set[str]]], *,
             again: bool) -> CellExecution:
    """What stands for the cell, with all that it may write: other branches if it is stale, names that now share an object."""
    text = read_text(one.source)
    known = {write.name for write in one.writes}
    called = set().union(*(anew[name][1] for name in text.loads & anew.keys())) if again else set()
    more = text.may_bind | called if again else set()
    in_place = {write.name for write in one.writes if write.how in {"mutated", "maybe"}} | text.touches | called
    for group in sharing:
        more |= group if group & in_place else set()
    writes = [VariableVersion(name, "maybe", UNKNOWN) for name in sorted(more - known)]
    return msgspec.structs.replace(one, writes=[*one.writes, *writes]) if writes else one


def _sharing(book: _Notebook) -> tuple[list[set[str]], list[set[str]]]:
    """Names that may share an object in the fresh run: all, and those only through cells not yet seen as they are now."""
    groups: list[set[str]] = []
    for cell in book.ids:
        for group in shared(book.stand[cell].source):
            joined = [other for other in groups if other & group]
            groups = [other for other in groups if not other & group] + [group.union(*joined)]
    fresh = [group for cell in book.own for group in shared(book.stand[cell].source)]
    return groups, [group for group in groups if any(group & one for one in fresh)]


def _judge(book: _Notebook, file_digest: Callable[[str], str | None] | None) -> dict[str, StaleCell]:
    found: dict[str, StaleCell] = {}
    for cell in book.ids:
        last = book.last[cell]
        n = last.n if last is not None else None
        fault = book.own.get(cell) or _moved(book, cell, found) or _file_changed(book, cell, file_digest)
        if fault:
            found[cell] = StaleCell(cell, fault[1], n, fault[0])
    return found


def _moved(book: _Notebook, cell: str, found: dict[str, StaleCell]) -> tuple[str, str] | None:
    """What the cell read against what it would read in the fresh run. `found` holds the stale cells above it."""
    n = book.stand[cell].n
    then, now = book.happened.steps[n].reads, book.fresh.steps[n].reads
    for key in dict.fromkeys([*then, *now]):
        fault = _read_moved(book, cell, then.get(key), now.get(key), found)
        if fault:
            return fault
    return None


def _read_moved(book: _Notebook, cell: str, then: Version | None, now: Version | None,
                found: dict[str, StaleCell]) -> tuple[str, str] | None:
    name = _name((then or now or Version("", 0)).key)
    before = [book.owner[one.n] for one in then.chain()] if then is not None else []
    above = _makers(book, now) if now is not None else []
    for source in [*reversed(above), *(one for one in before if one in book.own)]:
        if source in found and source != cell:
            return "upstream", f"upstream changed: {name} comes from a cell that {_why(found[source])}"
    if then is None or _signature(then) == _signature(now):
        return ("order", f"ran before the cell above that makes {name}") if then is None else None
    if now is not None and now.fingerprint and then.fingerprint and then.fingerprint.same_as(now.fingerprint):
        return None
    if any(book.happened.steps[one.n].execution.state == "untracked" for one in then.chain()) and now is None:
        return None
    return _reordered(book, cell, name, then, now)


def _reordered(book: _Notebook, cell: str, name: str, then: Version, now: Version | None) -> tuple[str, str]:
    owners = [book.owner[one.n] for one in then.chain()]
    if "" in owners:
        return "deleted", f"uses {name}, which a deleted cell made"
    if now is None:
        return "order", f"ran out of order: {name} is only made by a cell below"
    if cell in owners:
        return "order", f"ran again on {name}, which it had already changed"
    if any(one.n not in book.place for one in then.chain()) or now.n > book.stand[cell].n:
        return "upstream", f"upstream changed: {name} was made again since"
    if max(book.place[one.n] for one in then.chain()) > book.ids.index(cell):
        return "order", f"ran out of order: a cell below it had changed {name}"
    return "order", f"ran out of order: from top to bottom, other cells make {name}"


def _file_changed(book: _Notebook, cell: str, file_digest: Callable[[str], str | None] | None) -> tuple[str, str] | None:
    if file_digest is None:
        return None
    step = book.fresh.steps[book.stand[cell].n]
    for access in step.execution.files:
        key = f"$file {access.relative or access.path}"
        if access.mode != "read" or key in step.reads or key in step.writes:
            continue
        digest = file_digest(access.path)
        if digest is not None and access.fingerprint.digest is not None and digest != access.fingerprint.digest:
            return "file", f"read {access.relative or access.path}, which has changed since"
    return None


def _add_rebuilds(book: _Notebook, found: dict[str, StaleCell]) -> None:
    for cell in _plan(book, set(found)):
        if cell in found:
            continue
        last = book.last[cell]
        spoilt = sorted({_name(key) for key in book.fresh.steps[book.stand[cell].n].writes if _spoilt(book, key)})
        what = ", ".join(spoilt[:3]) or "what it made"
        reason = f"must run again first: {what} changed since, and a cell below needs it as it was"
        found[cell] = StaleCell(cell, reason, last.n if last is not None else None, "rebuild")


def _spoilt(book: _Notebook, key: str) -> bool:
    return _signature(book.happened.now.get(key)) != _signature(book.fresh.now.get(key))


def _plan(book: _Notebook, start: set[str]) -> list[str]:
    """Play the run: whatever a cell would find other than in the fresh run, its makers must run too. Until nothing is missing."""
    again = set(start)
    while True:
        missing = _missing(book, again) - again
        if not missing:
            return [cell for cell in book.ids if cell in again]
        again |= missing


def _missing(book: _Notebook, again: set[str]) -> set[str]:
    """Cells that must run as well: makers of what one of `again` would miss or leave wrong, readers of what comes out anew."""
    rerun = {book.stand[cell].n for cell in again}
    state = {key: _signature(version) for key, version in book.happened.now.items()}
    state = {key: () if rerun.intersection(made) else made for key, made in state.items()}
    left: dict[str, Version] = {}
    for cell in book.ids:
        step = book.fresh.steps[book.stand[cell].n]
        if cell not in again:
            anew = {n for version in step.reads.values() for n in rerun.intersection(_signature(version))}
            if any(book.fresh.steps[n].unseeded for n in anew):
                return {cell}
            left = {key: step.writes.get(key, version) for key, version in left.items()}
            continue
        for version in _needs(step):
            if state.get(version.key) != _signature(version):
                return _from(book, version, state.get(version.key, ()))
        state |= {key: _signature(version) for key, version in step.writes.items()}
        left |= step.writes
    used = {version for step in book.fresh.steps.values() for version in step.reads.values()}
    wrong = [version for version in left.values()
             if state[version.key] != _signature(version) and (version.previous or version in used)]
    return set().union(*(_from(book, version, state[version.key]) for version in wrong))


def _needs(step: Step) -> list[Version]:
    return [*step.reads.values(), *(version.previous for version in step.writes.values() if version.previous is not None)]


def _from(book: _Notebook, version: Version, state: tuple[int, ...]) -> set[str]:
    """The makers of `version` from where `state` leaves off; all of them if it does not lie on the way."""
    signature = _signature(version)
    for length in range(len(signature)):
        if state and signature[length:] == state:
            signature = signature[:length]
            break
    return {book.ids[book.place[n]] for n in signature}


def _makers(book: _Notebook, version: Version) -> list[str]:
    return [book.ids[book.place[n]] for n in _signature(version)]


def _signature(version: Version | None) -> tuple[int, ...]:
    return tuple(one.n for one in version.chain()) if version is not None else ()


def _name(key: str) -> str:
    kind, _, rest = key.partition(" ") if key.startswith("$") else ("", "", key)
    return {"$rng": f"the random state of {rest}", "$env": f"options of {rest}", "$file": rest, "$deleted": rest,
            "$output": "an earlier output"}.get(kind, rest)


def _why(cell: StaleCell) -> str:
    return {"edited": "was edited", "never run": "has not run", "failed": "failed", "deleted": "uses what a deleted cell made",
            "file": "read a file that has changed"}.get(cell.kind, "is out of date itself")
