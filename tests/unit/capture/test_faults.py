"""Whatever fails in us, the user's cell does not notice: the same text and variables, at most one line, and nothing left hooked."""

# ruff: noqa: E501 (tables, one line each)
from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter.capture import backlog, calls, ipython, life, rewriting
from mlops_jupyter.capture.cells import CellWatch
from mlops_jupyter.capture.deferred import Deferred
from mlops_jupyter.capture.environment import LocalModules
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.files import FileWatch
from mlops_jupyter.capture.namespace import Namespace
from mlops_jupyter.capture.notes import Notes
from mlops_jupyter.capture.outputs import Outputs, Tap
from mlops_jupyter.capture.randomness import Generators
from mlops_jupyter.capture.readers import Readers
from mlops_jupyter.capture.secrets import CleanOutbox, Redactor
from mlops_jupyter.capture.tracker import Tracker
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.records import decode
from mlops_jupyter.outbox import Outbox
from tests.unit.capture.notebook_player import fresh_shell, without_scan, world

CELLS = ["x = 1\nprint('one', x)", "import sys\ny = [x]\ny.append(2)\nprint('err', file=sys.stderr)\ny", "1 / 0", "z = sum(y)\nz",
         "from IPython.display import display\ndisplay(z)\nprint('last')", "w = open('made.txt', 'w').write('x')\nw"]
POINTS = [
    (Redactor, "__call__"), (Redactor, "refresh"), (Tracker, "start"), (Tracker, "finish"), (Tracker, "running"), (CellWatch, "open"),
    (CellWatch, "close"), (CellWatch, "error"), (Namespace, "before"), (Namespace, "after"), (Outputs, "begin"), (Outputs, "end"),
    (Outputs, "text"), (Outputs, "bundle"), (Tap, "open"), (Tap, "close"), (FileWatch, "begin"), (FileWatch, "end"), (FileWatch, "touch"),
    (Generators, "before"), (Generators, "after"), (LocalModules, "changed"), (Notes, "flush"), (CleanOutbox, "record"), (Outbox, "blob"),
    (Outbox, "_append"), (calls, "before_cell"), (calls, "after_cell"), (Deferred, "settle"), (Deferred, "start"), (Readers, "remove"),
]


class Play:
    """What a person sees of some cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.out, self.err = io.StringIO(), io.StringIO()

    def run(self, cells: list[str]) -> None:
        for cell in cells:
            with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
                self.shell.run_cell(cell, store_history=True)

    def variables(self) -> dict[str, object]:
        return {name: self.shell.user_ns.get(name, "unset") for name in "xyzw"}


def hooked(shell: InteractiveShell) -> list[str]:
    """What of ours is still in its place."""
    found = [str(function) for functions in shell.events.callbacks.values() for function in functions if "mlops" in str(function)]
    found += [str(finder) for finder in sys.meta_path if type(finder).__module__.startswith("mlops_jupyter")]
    found += [name for name, value in vars(builtins).items() if "mlops" in name and value is not rewriting._unchanged]
    found += [str(one) for one in shell.ast_transformers if type(one).__module__.startswith("mlops_jupyter")]
    found += [name for owner, name in ((shell.display_pub, "publish"), (shell.displayhook, "write_format_data")) if name in vars(owner)]
    return found


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLOPS_TESTING", raising=False)


@pytest.fixture(autouse=True)
def tools_given_back() -> Iterator[None]:
    """What a removal that was made to fail has kept of `sys.monitoring`: later tests of this process want it."""
    yield
    monitoring = getattr(sys, "monitoring", None)
    for tool in (3, 4, 5) if monitoring is not None else ():
        if "mlops" in (monitoring.get_tool(tool) or ""):
            monitoring.set_events(tool, 0)
            for event in (monitoring.events.PY_START, monitoring.events.PY_RETURN):
                monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)


@pytest.fixture
def plain(tmp_path: Path) -> Play:
    with world(tmp_path / "plain"):
        play = Play(fresh_shell())
        play.run([*CELLS, *CELLS])
    return play


@contextlib.contextmanager
def tracked(folder: Path) -> Iterator[Play]:
    with world(folder), without_scan():
        play = Play(fresh_shell())
        ipython.start(play.shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
        try:
            yield play
        finally:
            ipython.stop()


def broken(*args: object, **kwargs: object) -> object:
    raise RuntimeError("ours")


@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[f"{getattr(owner, '__name__', owner)}.{name}" for owner, name in POINTS])
def test_a_failure_of_ours_is_not_seen_and_three_switch_tracking_off(owner: object, name: str, plain: Play, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked(tmp_path / "tracked") as play:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            play.run([*CELLS, *CELLS])
            tracking = ipython.current()
            if tracking is not None:
                ipython.stop()
        lines = [line for line in play.err.getvalue().splitlines() if line not in plain.err.getvalue().splitlines()]
        assert len(lines) == (tracking is None), lines
        assert all("tracking stopped itself after 3 failures" in line for line in lines)
        assert play.out.getvalue() == plain.out.getvalue()
        assert play.variables() == plain.variables()
        assert hooked(play.shell) == []
        play.run(["print('after')"])
        assert play.out.getvalue().endswith("after\n")


def test_off_works_in_the_middle_of_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked(tmp_path / "tracked") as play:
        monkeypatch.setattr(Namespace, "after", broken)
        play.run(CELLS[:1])
        tracking = ipython.current()
        assert tracking is not None
        assert tracking.status().failures == 1
        ipython.stop()
        assert hooked(play.shell) == []
        play.run(CELLS)
        assert play.err.getvalue().count("mlops") == 0


def recorded(play: Play) -> list[CellExecution]:
    """What stands in the outbox of the tracking."""
    outbox = ipython.current()._outbox  # type: ignore[union-attr]
    lines = (outbox.folder / f"{outbox.writer}.jsonl").read_bytes().splitlines()
    return [record.entity for record in map(decode, filter(None, lines)) if isinstance(record.entity, CellExecution)]


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_a_full_disk_refuses_is_written_once_there_is_room(plain: Play, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked(tmp_path / "full") as play:
        before = len(recorded(play))
        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "_append", full)
            patched.setattr(Outbox, "blob", full)
            play.run(CELLS)
            assert len(recorded(play)) == before
            assert ipython.current().status().waiting >= len(CELLS)  # type: ignore[union-attr]
        assert play.err.getvalue().count("cannot be written (No space left on device)") == 1
        play.run(CELLS)
        assert ipython.current().status().waiting == 0  # type: ignore[union-attr]
        assert play.err.getvalue().count("can be written again; nothing was lost") == 1
        assert len({one.n for one in recorded(play)}) == 2 * len(CELLS)
        assert (play.out.getvalue(), play.variables()) == (plain.out.getvalue(), plain.variables())


def test_what_a_disk_refuses_for_ever_is_said_to_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked(tmp_path / "full") as play:
        monkeypatch.setattr(Outbox, "_append", full)
        play.run(CELLS)
        with contextlib.redirect_stderr(play.err):
            ipython.stop()
        assert re.search(r"\d+ records could not be written to .* and are lost", play.err.getvalue())


def test_more_than_memory_should_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST", 3_000)
    with tracked(tmp_path / "full") as play:
        monkeypatch.setattr(Outbox, "_append", full)
        play.run([*CELLS, *CELLS, *CELLS])
        assert ipython.current() is None
        assert play.err.getvalue().count("tracking stopped itself") == 1


def test_a_folder_that_is_gone_changes_nothing(plain: Play, tmp_path: Path) -> None:
    with tracked(tmp_path / "gone") as play:
        shutil.rmtree(Settings.current().outbox_folder())
        play.run([*CELLS, *CELLS])
        assert (play.out.getvalue(), play.variables()) == (plain.out.getvalue(), plain.variables())


def test_our_failures_are_loud_in_our_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TESTING", "1")
    with pytest.raises(RuntimeError, match="ours"), Fence(lambda line: None).guard("a place"):
        broken()


def test_an_error_that_cannot_be_told_is_still_counted() -> None:
    class Untellable(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    fence = Fence(lambda line: None, broken)  # type: ignore[arg-type]
    with fence.guard("a place"):
        raise Untellable
    assert (fence.failures, fence.notes) == (1, ["capture failed at a place: Untellable"])


CELL = "started.append(1)\nended.append(1)"


ENTRIES = {(life.__file__, function.__code__.co_firstlineno + 2)
           for function in (life.CellLife.before, life.CellLife.after, life.CellLife.before_silent, life.CellLife.after_silent)}
"""The `try` lines: an interrupt at the very entry of a callback goes to IPython, which prints it. No code of ours can catch that."""


class Interrupter:
    """Raises KeyboardInterrupt at one line of ours, once. `lines`: every line of ours that was passed."""

    def __init__(self, target: tuple[str, int] | None = None) -> None:
        self.target = target
        self.lines: dict[tuple[str, int], str] = {}
        self.raised = 0
        self.phase = ""

    def __call__(self, frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        if "/mlops_jupyter/" not in frame.f_code.co_filename:
            return None if event == "call" else self
        if event == "line":
            place = (frame.f_code.co_filename, frame.f_lineno)
            self.lines.setdefault(place, self._phase(frame))
            if place == self.target and not self.raised:
                self.raised += 1
                self.phase = self._phase(frame)
                sys.settrace(None)
                raise KeyboardInterrupt
        return self

    @staticmethod
    def _phase(frame: FrameType) -> str:
        """`before` or `after` the cell, or `during` it."""
        at: FrameType | None = frame
        while at is not None:
            if at.f_code.co_filename.endswith("capture/life.py") and at.f_code.co_name in {"before", "after", "before_silent", "after_silent"}:
                return at.f_code.co_name.removesuffix("_silent")
            at = at.f_back
        return "during"


def interrupted(play: Play, target: tuple[str, int] | None) -> tuple[Interrupter, type[BaseException] | None, list[int]]:
    """(the interrupter, how the cell failed, what ran of it)."""
    started: list[int] = []
    ended: list[int] = []
    play.shell.user_ns.update(started=started, ended=ended)
    tracer = Interrupter(target)
    with contextlib.redirect_stdout(play.out), contextlib.redirect_stderr(play.err):
        try:
            sys.settrace(tracer)
            result = play.shell.run_cell(CELL, store_history=True)
        finally:
            sys.settrace(None)
    return tracer, type(result.error_in_exec) if result.error_in_exec else None, [len(started), len(ended)]


def test_an_interrupt_at_any_line_of_ours_reaches_the_cell_once_or_came_after_it(tmp_path: Path) -> None:
    with tracked(tmp_path / "tracked") as play:
        interrupted(play, None)
        tracer, _, _ = interrupted(play, None)
        places = sorted(place for place, phase in tracer.lines.items() if phase != "during" and place not in ENTRIES)
        assert len(places) > 150
        step = 1 if os.environ.get("MLOPS_THOROUGH") == "1" else 9  # which ninth it is moves with the code
        for place in places[len(places) % step::step]:
            raiser, error, ran = interrupted(play, place)
            if not raiser.raised:  # a line that this cell did not pass
                continue
            if raiser.phase == "before":
                assert (error, ran) == (KeyboardInterrupt, [0, 0]), place
            else:
                assert (error, ran) == (None, [1, 1]), place
            assert ipython.current() is not None
        count = play.out.getvalue().count("Error in callback") + play.err.getvalue().count("Error in callback")
        assert count == 0
        play.run(["still = 1\nprint('well')"])
        assert play.out.getvalue().endswith("well\n")
        outbox = ipython.current()._outbox  # type: ignore[union-attr]
        lines = (outbox.folder / f"{outbox.writer}.jsonl").read_bytes().splitlines()
        last = [record.entity for record in map(decode, lines) if isinstance(record.entity, CellExecution)][-1]
        assert (last.state, [output.text for output in last.outputs]) == ("ok", ["well\n"])
        ipython.stop()
        assert hooked(play.shell) == []
