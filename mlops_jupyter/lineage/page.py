"""The notebook as it stands against what happened: which execution stands for each cell, and whether it still holds.

Two graphs are laid side by side: what happened, in the order of execution, and what a fresh run from top to bottom would do. The
fresh run is walked cell by cell. The last execution of a cell stands for it if its text is the same and all that it read
would be the same in the fresh run; else the cell is stale and what it will do is foretold (foretell.py), for the cells below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec

from mlops_jupyter.entities import CellExecution, VariableVersion
from mlops_jupyter.lineage.file_links import file_key
from mlops_jupyter.lineage.foretell import UNKNOWN, Foretelling
from mlops_jupyter.lineage.graph import Walk, build
from mlops_jupyter.lineage.sharing import Sharing
from mlops_jupyter.lineage.text import normalised, read_text
from mlops_jupyter.lineage.versions import (
    ANY_FILE,
    Chains,
    Graph,
    Step,
    Version,
    immutable,
    in_order,
    processes_since,
    version_at,
)

Fault = tuple[str, str]
"""Kind and reason in words."""


class Surroundings(msgspec.Struct, frozen=True):
    """What lies outside the notebook, as it is now. Nothing given: nothing has changed."""

    digest: Callable[[str], str | None] | None = None
    """The present digest of a file that a cell read; None if it cannot be told."""
    recorded: Mapping[int, Mapping[str, str]] = {}
    """n of an execution → import name → version of the package that it ran with."""
    present: Mapping[str, str] = {}
    """Import name → version of the package that is installed now."""


@dataclass(slots=True)
class Page:
    """The current cells by key (the id, or another where an id stands twice), and what stands for each in the fresh run."""

    keys: list[str]
    positions: dict[str, int]
    """Key → place among the cells as they were given."""
    last: dict[str, CellExecution | None]
    owner: dict[int, str]
    """n of any execution → key of the cell that it ran, "" if that cell is gone."""
    happened: Graph
    fresh: Graph = field(default_factory=Graph)
    stand: dict[str, Step] = field(default_factory=dict)
    place: dict[int, int] = field(default_factory=dict)
    """n of what stands for a cell → position in the notebook."""
    faults: dict[str, Fault] = field(default_factory=dict)
    together: dict[str, list[list[Version]]] = field(default_factory=dict)
    """Of each cell that changes something in place: what shares with it, as it is just before."""
    beyond: dict[str, None] = field(default_factory=dict)
    """What running cells cannot bring back, as far as cells that hold show it."""
    changed: Callable[[Version], bool] = lambda version: False
    """Whether a file is other than when a cell made this version of it, though no cell was seen to write it since."""
    lost: dict[str, set[str]] = field(default_factory=dict)
    """Of each opaque cell: names that it may have used, and that only deleted cells made."""
    loose: dict[str, set[str]] = field(default_factory=dict)
    """Of each cell: names that it read as another object of equal content than they now are."""


def open_page(executions: Sequence[CellExecution], cells: Sequence[tuple[str, str]], around: Surroundings) -> Page:
    """Lay the notebook beside the ledger."""
    ran = [one for one in in_order(executions) if one.state != "running"]
    kept = [(key, at, source) for at, (key, source) in enumerate(_keyed(cells)) if _counts(source)]
    owner = _owners(ran, [(key, source) for key, _, source in kept])
    last: dict[str, CellExecution | None] = {key: None for key, _, _ in kept}
    for execution in ran:
        if owner[execution.n]:
            last[owner[execution.n]] = execution
    chains = Chains()
    page = Page([key for key, _, _ in kept], {key: at for key, at, _ in kept}, last, owner, build(ran, chains))
    page.changed = _changed(ran, around)
    walk, sharing = Walk(chains, page.happened), Sharing()
    page.fresh = walk.graph
    local = {module.name.partition(".")[0] for one in ran for module in one.modules}
    paths = {path for one in ran for access in one.files for path in (access.relative, access.path)}
    foretelling = Foretelling(walk, sharing, local, paths)
    for position, (key, _, source) in enumerate(kept):
        step, hid = _stand(page, key, source, walk, around), dict[str, Version]()
        if step is None:
            previous = last[key]
            same = previous is not None and page.faults[key][0] not in {"edited", "never run"}
            step = walk.read(foretelling.execution(source, previous, -1 - position, same=same))
            step.absent |= page.lost.get(key, set())
        else:
            _widen(step, source, sharing, foretelling)
            hid = _bind_again(page, key, step, walk.state)
        page.stand[key], page.place[step.n] = step, position
        page.together[key] = _together(step, walk, sharing)
        walk.write(step)
        for name, version in hid.items():
            step.writes[name] = walk.state[name] = version
            page.place[version.n] = position
        if key not in page.faults:
            sharing.leave(step.text.binds)
            sharing.add(source, foretold=False, alone=foretelling.alone, table=foretelling.table)
    return page


def _keyed(cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cells with keys of their own: an id that stands twice (cells copied by hand) is told apart by its number."""
    seen: dict[str, int] = {}
    keyed = []
    for cell, source in cells:
        seen[cell] = seen.get(cell, 0) + 1
        keyed.append((cell if seen[cell] == 1 else f"{cell}\n{seen[cell]}", source))
    return keyed


def _counts(source: str) -> bool:
    """Blank cells and those that only talk to us cannot be stale."""
    lines = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    if lines and lines[0].startswith("%%mlops"):
        return lines[0].startswith("%%mlops skip") and len(lines) > 1
    return any(not line.startswith(("%mlops", "%load_ext mlops_jupyter", "%reload_ext mlops_jupyter")) for line in lines)


def _owners(ran: Sequence[CellExecution], cells: Sequence[tuple[str, str]]) -> dict[int, str]:
    """Which cell each execution ran, "" if that cell is gone: by id; by text where the front end sent no ids, or others."""
    known = dict(cells)
    foreign = not any(one.cell in known for one in ran)
    by_text = {normalised(source): key for key, source in reversed(cells)}
    twins: dict[str, dict[str, str]] = {}
    for key, source in cells:
        twins.setdefault(key.partition("\n")[0], {})[normalised(source)] = key
    owners: dict[int, str] = {}
    seen = {one.cell for one in ran}
    as_it_stands = {one.cell for one in ran if one.cell in known and normalised(one.source) == normalised(known[one.cell])}
    for one in ran:
        named = one.cell or f"n{one.n}"
        same = twins.get(named, {})
        if len(same) > 1:
            named = same.get(normalised(one.source), named)
        elif named in as_it_stands and normalised(one.source) != normalised(known[named]):
            other = by_text.get(normalised(one.source), named)  # the id stood twice, and whoever read the file gave a new one
            named = other if other not in seen else named
        by_source = by_text.get(normalised(one.source), "") if foreign or not one.cell else ""
        owners[one.n] = named if named in known else by_source
    return owners


def _stand(page: Page, key: str, source: str, walk: Walk, around: Surroundings) -> Step | None:
    """The last execution of the cell as a step of the fresh run, None if it is at fault; the fault is noted."""
    previous = page.last[key]
    fault = _own_fault(previous, source)
    step = None
    if previous is not None and fault is None:
        step = walk.read(previous)
        page.lost[key] = _from_deleted(page, step, walk.state)
        fault = _moved(page, key, step) or _file_changed(step, around) or _environment_changed(step, walk, around)
    if fault is None:
        return step
    page.faults[key] = fault
    return None


def _own_fault(last: CellExecution | None, source: str) -> Fault | None:
    if last is None:
        return "never run", "never ran"
    if last.state != "skipped" and normalised(last.source) != normalised(source):
        return "edited", "edited since it ran"
    if last.state == "interrupted":
        return "failed", "was interrupted when it last ran"
    if last.state == "error":
        return "failed", f"ended in an error{f' ({last.error.name})' if last.error else ''} when it last ran"
    return None


def _widen(step: Step, source: str, sharing: Sharing, foretelling: Foretelling) -> None:
    """A cell that holds changes in place also what now shares with it, through cells that capture has not seen."""
    text = read_text(source)
    in_place = {write.name for write in step.execution.writes if write.how in {"mutated", "maybe"}} | text.touches
    known = {write.name for write in step.execution.writes}
    groups = [sharing.group(name) for name in in_place]
    more = set().union(*(group.names for group in groups if group.foretold)) - known
    writes = [VariableVersion(name, "maybe", UNKNOWN) for name in sorted(more)
              if name in foretelling.walk.state and not foretelling.alone(name)]
    if writes:
        step.execution = msgspec.structs.replace(step.execution, writes=[*step.execution.writes, *writes])


def _bind_again(page: Page, key: str, step: Step, state: Mapping[str, Version]) -> dict[str, Version]:
    """A cell may bind names to what they held anyway, which looks as if it had not.

    In a fresh run it does so again where it once was seen to. Else it may, and stands between whoever bound the name before and
    whoever reads it. Returns what an earlier run of the cell bound through a hidden part, and nobody changed since.
    """
    text, known = step.text, {write.name for write in step.execution.writes}
    open_names = text.may_bind - text.binds - known - set(step.execution.deletes)
    hides = "*" in text.may_bind or bool(step.execution.opaque)
    if not open_names and not hides:
        return {}
    once = {write.name for one in page.happened.steps.values() if one.n < step.n and page.owner.get(one.n) == key
            if normalised(one.execution.source) == normalised(step.execution.source)
            for write in one.execution.writes if write.how in {"created", "rebound"}}
    writes, kept = list(step.execution.writes), {}
    for name in sorted(open_names | (once - known - set(step.execution.deletes) if hides else set())):
        after, before = version_at(page.happened, name, step.n), state.get(name)
        if after is None:  # it was not there when the cell had ended
            continue
        found = after.fingerprint or UNKNOWN
        if name in once and name not in open_names and after.previous is None and page.owner.get(after.n) == key:
            kept[name] = after
        elif name in once:
            writes.append(VariableVersion(name, "rebound", found))
        elif before is not None and before.chain_id != after.chain_id:
            same = before.fingerprint is not None and immutable(found) and found.same_as(before.fingerprint)
            writes.append(VariableVersion(name, "maybe", found if same else UNKNOWN))
    step.execution = msgspec.structs.replace(step.execution, writes=writes)
    return kept


def _together(step: Step, walk: Walk, sharing: Sharing) -> list[list[Version]]:
    """The versions, by then, of the names that share with one that the cell changes in place."""
    in_place = [write.name for write in step.execution.writes if write.how in {"mutated", "maybe"} and write.name in walk.state]
    groups = {id(group): group for group in (sharing.group(name) for name in in_place) if len(group.names) > 1}
    return [[walk.state[name] for name in sorted(group.names & walk.state.keys())] for group in groups.values()]


# does it hold?


def _moved(page: Page, key: str, step: Step) -> Fault | None:
    """What the cell read against what it would read in the fresh run."""
    before = page.happened.steps[step.n]
    then, now = before.reads, step.reads
    in_place = any(write.how in {"mutated", "maybe"} for write in step.execution.writes)
    for name in dict.fromkeys([*then, *now]):
        one, other = then.get(name), now.get(name)
        if other is None and name in before.unsure and name not in page.lost[key]:
            continue  # made by a cell below, if anything; nothing says that it was used
        if one is not None and "*" in step.text.may_bind and page.owner.get(one.n) == key:
            step.absent.discard(name)
            continue  # it imports that name itself
        if one is not None and other is None and name.startswith("$env ") and step.text.options and page.owner.get(one.n) == key:
            step.absent.discard(name)
            continue  # the option that it found, it had set itself, and sets again
        if one is not None and other is None and name.startswith("$module ") and _is_of_cells_below(page, one):
            step.absent.discard(name)  # to run it again would not make the module as it was
            page.beyond[f"{words(name)}: a fresh run would not have it"] = None
            continue
        if one is None or other is None or not _same(one, other, in_place=in_place):
            fault = _read_moved(page, key, one, other)
            if fault is not None:
                return fault
        elif one.chain_id != other.chain_id:
            page.loose.setdefault(key, set()).add(name)
    return None


def _is_of_cells_below(page: Page, version: Version) -> bool:
    owners = {page.owner[one.n] for one in version.chain()}
    return not owners & page.faults.keys() and owners <= page.last.keys()


def _from_deleted(page: Page, step: Step, state: Mapping[str, Version]) -> set[str]:
    """Names that an opaque cell may have used, that only deleted cells made: it may as well have bound them to what they held."""
    before = page.happened.steps[step.n]
    return {name for name in before.unsure if name not in state and not name.startswith("$")
            and all(not page.owner[one.n] and page.happened.steps[one.n].execution.cell for one in before.reads[name].chain())}


def _same(one: Version, other: Version, *, in_place: bool) -> bool:
    """The same content; where the cell changes something in place, objects with the same history."""
    if one.chain_id == other.chain_id or (one.key == ANY_FILE and not processes_since(one, other)):
        return True
    equal = one.fingerprint is not None and other.fingerprint is not None and one.fingerprint.same_as(other.fingerprint)
    return equal and (not in_place or immutable(one.fingerprint))


def _read_moved(page: Page, key: str, then: Version | None, now: Version | None) -> Fault | None:
    name = words((then or now or Version("", 0)).key)
    before = [page.owner[one.n] for one in then.chain()] if then is not None else []
    above = [page.keys[page.place[one.n]] for one in now.chain()] if now is not None else []
    for source in [*reversed(above), *(one for one in before if one in page.faults)]:
        if source in page.faults and source != key:
            return "upstream", f"upstream changed: {name} comes from a cell that {_why(page.faults[source][0])}"
    if then is None:
        return "order", f"ran before the cell above that makes {name}"
    if now is None and any(page.happened.steps[one.n].execution.state == "untracked" for one in then.chain()):
        return None
    return _reordered(page, key, name, then, now)


def _reordered(page: Page, key: str, name: str, then: Version, now: Version | None) -> Fault:  # noqa: PLR0911 (a reason each)
    owners = [page.owner[one.n] for one in then.chain()]
    if "" in owners:
        steps = [page.happened.steps[one.n] for one in then.chain() if not page.owner[one.n]]
        if any(step.execution.state == "skipped" for step in steps):
            return "order", f"uses {name} as something changed it while no cell ran"
        return "deleted", f"uses {name}, which a deleted cell made"
    if now is None:
        return "order", f"ran out of order: {name} is only made by a cell below"
    if key in owners:
        return "order", f"ran again on {name}, which it had already changed"
    if any(one.n not in page.place for one in then.chain() if page.owner[one.n] in page.stand) or now.n > (
            page.last[key] or page.happened.steps[then.n].execution).n:
        return "upstream", f"upstream changed: {name} was made again since"
    if any(owner not in page.stand for owner in owners):
        return "order", f"ran out of order: a cell below it had changed {name}"
    return "order", f"ran out of order: from top to bottom, other cells make {name}"


def _file_changed(step: Step, around: Surroundings) -> Fault | None:
    if around.digest is None:
        return None
    for access in step.execution.files:
        key = file_key(access)
        if access.mode != "read" or key in step.reads or any(one.mode == "write" and one.path == access.path
                                                             for one in step.execution.files):
            continue
        digest = around.digest(access.path)
        if digest is not None and access.fingerprint.digest is not None and digest != access.fingerprint.digest:
            return "file", f"read {access.relative or access.path}, which has changed since"
    return None


def _changed(ran: Sequence[CellExecution], around: Surroundings) -> Callable[[Version], bool]:
    """`Page.changed` for the files that these executions read and wrote. Each file is read at most once."""
    paths = {file_key(access): access.path for one in ran for access in one.files}

    @cache
    def present(key: str) -> str | None:
        return around.digest(paths[key]) if around.digest is not None and key in paths else None

    def changed(version: Version) -> bool:
        known = version.fingerprint.digest if version.key.startswith("$file ") and version.fingerprint is not None else None
        return known is not None and present(version.key) not in {None, known}

    return changed


def _environment_changed(step: Step, walk: Walk, around: Surroundings) -> Fault | None:
    if not around.present:
        return None
    for package in sorted(walk.packages_of(step)):
        before, now = around.recorded.get(step.n, {}).get(package), around.present.get(package)
        if before is not None and before != now:
            return "environment", f"ran with {package} {before}, and {f'{now} is' if now else 'it is no longer'} installed now"
    return None


def words(key: str) -> str:
    """What a key stands for, as a reader would call it."""
    kind, _, rest = key.partition(" ") if key.startswith("$") else ("", "", key)
    return {"$rng": f"the random state of {rest}", "$env": f"options of {'the process' if rest == '*' else rest}",
            "$file": "a file" if rest == "*" else rest, "$deleted": rest, "$output": "an earlier output",
            "$module": f"the state of module {rest}"}.get(kind, rest)


def _why(kind: str) -> str:
    return {"edited": "was edited", "never run": "has not run", "failed": "failed", "deleted": "uses what a deleted cell made",
            "file": "read a file that has changed", "environment": "ran with other packages"}.get(kind, "is out of date itself")
