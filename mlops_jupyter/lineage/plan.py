"""From stale cells to the cells to run: play the rerun in thought, and add whatever a cell would miss.

The live state is known from what happened, the state that each cell must find from the fresh run. Walking through the cells to
run in notebook order, each thing that a cell would find other than in the fresh run adds the cells that make it; so does
each name that would be left other than a fresh run leaves it. Names that a fresh run would not have are forgotten first. What no
cell can bring back (options that a deleted cell set, a file it left) is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from mlops_jupyter.lineage.file_links import lists_files
from mlops_jupyter.lineage.graph import OUTPUT_NAME
from mlops_jupyter.lineage.page import Page, words
from mlops_jupyter.lineage.versions import ANY_FILE, Step, Version, immutable, processes_since


class Plan(msgspec.Struct):
    """Cells to run, by key and by position among the cells given; names to forget before each, and ("") at the end."""

    keys: list[str] = []
    positions: list[int] = []
    forget: dict[str, list[str]] = {}
    beyond: list[str] = []
    """What running cells cannot bring back, in words: only a restarted kernel, or a clean folder, is sure."""


@dataclass
class _Played:
    """One rerun in thought. `state`: key → version in the live kernel by then."""

    state: dict[str, Version]
    missing: set[str] = field(default_factory=set)
    forget: dict[str, list[str]] = field(default_factory=dict)
    beyond: dict[str, None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)


def plan_for(page: Page) -> Plan:
    """The cells to run so that everything is as after a fresh run."""
    again = set(page.faults)
    while True:
        played = _play(page, again)
        if played.missing <= again:
            break
        again |= played.missing
    keys = [key for key in page.keys if key in again]
    return Plan(keys, [page.positions[key] for key in keys], played.forget, list(played.beyond))


def spoilt(page: Page, key: str) -> list[str]:
    """What a cell made that is no longer as a fresh run leaves it, in words."""
    return sorted({words(name) for name in page.stand[key].writes
                   if not _equal(page.happened.now.get(name), page.fresh.now.get(name))})


def _play(page: Page, again: set[str]) -> _Played:
    played = _Played(dict(page.happened.now), beyond=dict(page.beyond))
    anew: set[int] = set()
    for key in page.keys:
        step = page.stand[key]
        if key not in again:
            if anew and any(one.n in anew for version in step.reads.values() for one in version.chain()):
                played.missing.add(key)  # what it read was drawn anew
            continue
        for version in _needs(step):
            if version.key not in played.touched and page.changed(version):
                played.missing.update(_makers(page, version, None))
            _need(page, played, version, again)
        _keep_together(page, played, key, again)
        _forget(page, played, key, step)
        if step.unseeded:
            anew.add(step.n)
        for name in step.execution.deletes:
            played.state.pop(name, None)
        for name, version in step.writes.items():
            if name.startswith("$module") and version.previous is None and name in played.state.keys() - played.touched:
                played.beyond[f"{words(name)}, which cells changed that must run again"] = None
        played.state |= step.writes
        if step.n < 0 and step.execution.opaque:
            _anything(played, step)
        outputs = [name for name in step.text.loads if OUTPUT_NAME.fullmatch(name) and name not in step.reads]
        if {"Out", "_oh"} & step.text.loads or (outputs and not any(name.startswith("$output") for name in step.reads)):
            played.beyond["results of cells that ran before: a fresh run would not have them in Out"] = None
        played.touched |= step.writes.keys()
    _end(page, played, again)
    return played


def _anything(played: _Played, step: Step) -> None:
    """A cell that has not run and may bind anything: no name of the live kernel is known after it, but those that it tells."""
    for number, name in enumerate(sorted(played.state.keys() - step.writes.keys())):
        if not name.startswith("$"):
            played.state[name] = Version(name, played.state[name].n, None, None, step.n * 10_000 - number)


def _needs(step: Step) -> Iterator[Version]:
    yield from step.reads.values()
    yield from (version.previous for version in step.writes.values() if version.previous is not None)


def _need(page: Page, played: _Played, version: Version, again: set[str]) -> None:
    """The cell that is about to run needs this; if it would find something else, its makers must run too."""
    have = played.state.get(version.key)
    if version.key.startswith(("$output", "$deleted")):
        played.missing.add(page.keys[page.place[version.n]])
        return
    makers = _makers(page, version, have)
    if _equal(have, version) or not makers:
        return
    if version.key.startswith(("$env", "$module")) and have is not None and makers[-1] == _first(page, version):
        played.beyond[f"{words(version.key)} were set again since a cell ran that must run again"] = None
    else:
        played.missing.update(makers)
    played.state[version.key] = version


def _keep_together(page: Page, played: _Played, key: str, again: set[str]) -> None:
    """What is about to be changed in place was made anew: who held the old one must get the new one first.

    Who was made above the cell that makes it anew cannot have it from there.
    """
    for versions in page.together[key]:
        names = {version.key for version in versions}
        anew = [_place(page, version) for version in versions if _first(page, version) in again]
        for version in versions:
            if _first(page, version) in again:
                continue
            if any(place < _place(page, version) for place in anew) or page.loose.get(_first(page, version), set()) & names:
                played.missing.update(_makers(page, version, None))


def _makers(page: Page, version: Version, have: Version | None) -> list[str]:
    """The makers of `version`, newest first, from where `have` leaves off; all of them if it does not lie on the way."""
    makers: list[str] = []
    if version.key == ANY_FILE and have is not None:
        return [page.keys[page.place[one.n]] for one in version.chain()[: processes_since(have, version)]]
    for one in version.chain():
        if have is not None and one.chain_id == have.chain_id:
            return makers
        makers.append(page.keys[page.place[one.n]])
    return makers


def _place(page: Page, version: Version) -> int:
    """Where on the page it was first made."""
    return page.place[version.chain()[-1].n]


def _first(page: Page, version: Version) -> str:
    return page.keys[_place(page, version)]


def _forget(page: Page, played: _Played, key: str, step: Step) -> None:
    """What the cell asks for and would not find in a fresh run must not be there."""
    for name in sorted(step.absent):
        if name not in played.state:
            continue
        if name.startswith("$"):
            played.beyond[f"{words(name)}: a fresh run would not have it"] = None
        else:
            played.forget.setdefault(key, []).append(name)
            del played.state[name]
    for name in _may_make(page, played, step):
        played.forget.setdefault(key, []).append(name)
        del played.state[name]
    if lists_files(step) and any(name.startswith("$file") and name not in step.reads for name in played.state):
        played.beyond["files that other cells left on disk: a fresh run in a clean folder would not see them"] = None


def _may_make(page: Page, played: _Played, step: Step) -> list[str]:
    """Names that a cell which has not run may make, where a fresh run would not have them before it.

    If it does make one, it is there afterwards; if not, whoever asks for it must miss it.
    """
    if step.n >= 0:
        return []
    known = {name for name, version in step.writes.items() if version.previous is not None} | step.text.binds
    open_names = played.state.keys() if step.execution.opaque else {write.name for write in step.execution.writes
                                                                    if write.how == "maybe"} & played.state.keys()
    return sorted(name for name in open_names - known if _is_of_a_cell(page, played.state[name]))


def _is_of_a_cell(page: Page, version: Version) -> bool:
    """Whether a cell made this name: it is nothing hidden, no result by its prompt, nothing that was put there between cells."""
    own = version.key.isidentifier() and not OUTPUT_NAME.fullmatch(version.key)
    return own and bool(page.happened.steps[version.n].execution.cell)


def _end(page: Page, played: _Played, again: set[str]) -> None:
    """Every name must be as the fresh run leaves it."""
    for name, version in page.fresh.now.items():
        have = played.state.get(name)
        shown = not name.startswith("$") or name.startswith("$file")
        shown = shown or (name in played.touched and name.startswith(("$env", "$module")))
        if shown and not _equal(have, version):
            _need(page, played, version, again)
    for name, version in played.state.items():
        if name not in page.fresh.now and _is_of_a_cell(page, version):
            played.forget.setdefault("", []).append(name)


def _equal(one: Version | None, other: Version | None) -> bool:
    """The same history, or an equal number or text."""
    if one is None or other is None:
        return one is other
    if one.chain_id == other.chain_id:
        return True
    known = one.fingerprint is not None and other.fingerprint is not None
    return known and immutable(one.fingerprint) and one.fingerprint.same_as(other.fingerprint)  # type: ignore[union-attr,arg-type]
