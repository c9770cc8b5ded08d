"""Stale cells and files: what commands of the shell wrote beside Python, and what is no longer as a cell left it."""

from __future__ import annotations

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint, Read, VariableVersion
from mlops_jupyter.entities.sessions import WriteKind
from mlops_jupyter.lineage.foretell import UNKNOWN
from mlops_jupyter.lineage.stale import rerun_plan, stale, staleness


def shell_cell(n: int, cell: str, source: str, **more: object) -> CellExecution:
    """A cell that ran from second n to n + 0.5."""
    effects = ["process"] if "!" in source else []
    return CellExecution("s", n, source, "ok", cell=cell, started=float(n), ended=n + 0.5, effects=effects, **more)  # type: ignore[arg-type]


def test_a_command_of_the_shell_that_ran_twice_is_not_stale() -> None:
    page = [("a", "!ls"), ("b", "x = 1")]
    ran = [shell_cell(1, "a", "!ls"), shell_cell(2, "b", "x = 1"), shell_cell(3, "a", "!ls")]
    assert stale(ran, page) == []


def read_at(modified: float, digest: str) -> list[FileAccess]:
    return [FileAccess("/d/f.txt", "read", Fingerprint("file", digest), "f.txt", modified)]


def test_a_file_that_a_command_below_overwrote_is_made_again_by_the_command_above() -> None:  # staleness.py, 60036
    page = [("a", "!echo 3 > f.txt"), ("b", "i = int(open('f.txt').read())"), ("c", "!echo k > f.txt")]
    (_, make), (_, look), (_, spoil) = page
    ran = [shell_cell(1, "a", make), shell_cell(2, "b", look, files=read_at(1.2, "d3")), shell_cell(3, "c", spoil)]
    failed = shell_cell(4, "b", look, files=read_at(3.2, "dk"))
    failed.state = "error"
    assert rerun_plan([*ran, failed], page) == ["a", "b", "c"]
    again = [shell_cell(4, "a", make), shell_cell(5, "b", look, files=read_at(4.2, "d3")), shell_cell(6, "c", spoil)]
    assert rerun_plan([*ran, *again[:2]], page) == ["c"]
    assert rerun_plan([*ran, *again], page) == []


def test_a_file_that_nobody_was_seen_to_overwrite_is_made_again_before_an_edited_cell_reads_it() -> None:
    written = [FileAccess("/d/f.txt", "write", Fingerprint("file", "d3"), "f.txt")]
    ran = [shell_cell(1, "a", "open('f.txt', 'w').write('3')", files=written)]
    page = [("a", "open('f.txt', 'w').write('3')"), ("new", "i = int(open('f.txt').read())")]
    assert rerun_plan(ran, page, {"/d/f.txt": "d3"}.get) == ["new"]
    assert rerun_plan(ran, page, {"/d/f.txt": "dk"}.get) == ["a", "new"]


def test_a_name_that_a_cell_gives_to_the_shell_itself_is_its_own() -> None:
    source = "word = 'k'\n!echo $word"
    ran = [shell_cell(n, "a", source, executed="word = 'k'\nget_ipython().system('echo $word')\n", reads=reads,
                      writes=[VariableVersion("word", "rebound", UNKNOWN)]) for n, reads in ((1, []), (2, [Read("word")]))]
    assert stale(ran, [("a", source)]) == []


def test_an_opaque_cell_that_ran_after_a_module_was_changed_below_it_holds() -> None:  # staleness.py, 110061
    def lists(how: WriteKind) -> list[VariableVersion]:
        return [VariableVersion("l", how, Fingerprint("container", how))]

    page = [("a", "l = [4]"), ("b", "exec('l.append(4)')"), ("c", "conf.KNOB += 2")]
    (_, make), (_, hidden), (_, change) = page
    ran = [
        shell_cell(1, "a", make, writes=lists("created")),
        shell_cell(2, "b", hidden, writes=lists("mutated"), opaque=["exec()"]),
        shell_cell(3, "c", change, writes=[VariableVersion("$module conf", "mutated", Fingerprint("module"))]),
        shell_cell(4, "a", make, writes=lists("rebound")),
        shell_cell(5, "b", hidden, writes=lists("mutated"), opaque=["exec()"], reads=[Read("$module conf")]),
    ]
    assert stale(ran, page) == []


def test_a_new_command_above_one_that_ran_may_see_what_that_one_left() -> None:  # staleness.py, 120004
    ran = [shell_cell(1, "c", "!echo 3 > f.txt")]
    plan = staleness(ran, [("new", "files = !ls"), ("c", "!echo 3 > f.txt")]).plan
    assert plan.beyond == ["files that other cells left on disk: a fresh run in a clean folder would not see them"]
    assert staleness(ran, [("c", "!echo 3 > f.txt"), ("new", "files = !ls")]).plan.beyond == []
