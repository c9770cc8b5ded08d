"""Tracking in a running IPython shell: the hooks around each cell, and the one object that holds a session together.

`pre_run_cell` and `post_run_cell` are IPython's own events; nothing of the shell is replaced. The record of a cell is written
before it runs and again when it ended. All our work is inside the fence; an interrupt that hits our work before a cell is
handed on to the cell, and one that hits it afterwards only cuts our work short.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import msgspec
from IPython.core.getipython import get_ipython

from mlops_jupyter import plugins
from mlops_jupyter.capture import calls
from mlops_jupyter.capture import environment as surroundings
from mlops_jupyter.capture.cells import CellWatch, Open, is_interrupt
from mlops_jupyter.capture.cells import Shell as CellShell
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.files import FileWatch
from mlops_jupyter.capture.imports import ImportHooks
from mlops_jupyter.capture.names import analyse
from mlops_jupyter.capture.notes import Notes
from mlops_jupyter.capture.observer import Draft, Listener, ObservedCall
from mlops_jupyter.capture.options import TrackOptions, decode_options
from mlops_jupyter.capture.readers import Readers
from mlops_jupyter.capture.secrets import Redactor, load_key
from mlops_jupyter.capture.session import new_session, notebook_path
from mlops_jupyter.capture.shell import Autolog, CellInfo, CellResult, Status, connection_file, running_cell
from mlops_jupyter.capture.tracker import CellExecuted, CellStarted, Tracker
from mlops_jupyter.capture.unwrap import is_ours, is_skip
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.errors import ConflictError, StoreError
from mlops_jupyter.entities.runs import Goal
from mlops_jupyter.entities.sessions import ExecutionState, Observation
from mlops_jupyter.outbox import Outbox
from mlops_jupyter.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

SCAN_SECONDS = 0.1
"""How long `%mlops track` waits for git and packages before it goes on without them."""
UNTRACKED = 500
"""Most cells taken over from history."""
_files: FileWatch | None = None
_current: Tracking | None = None


def start(shell: InteractiveShell, options: TrackOptions | None = None) -> Tracking:
    """Track this shell from now on. Already tracking: the running Tracking. Raises MlopsError where that cannot be."""
    global _current  # noqa: PLW0603 (one process, one tracking)
    if os.environ.get("MLOPS_DISABLE") == "1":
        raise ConflictError("tracking is switched off by MLOPS_DISABLE=1", "unset MLOPS_DISABLE and restart the kernel")
    if _current is None:
        tracking = Tracking(shell, options or TrackOptions())
        _current = tracking
        try:
            tracking.begin()
        except BaseException:
            _current = None
            raise
    return _current


def start_from_json(text: str) -> str:
    """`start` with options as JSON, for the papermill engine's silent execute. Returns the session's id."""
    shell = get_ipython()
    if shell is None:
        raise ConflictError("there is no IPython shell in this process", "run it in a kernel")
    return start(shell, decode_options(text)).session.id


def this_shell() -> InteractiveShell | None:
    """The IPython shell of this process."""
    return get_ipython()


def stop() -> None:
    """End the session, if there is one. What was recorded stays."""
    global _current
    tracking, _current = _current, None
    if tracking is not None:
        tracking.end()


def current() -> Tracking | None:
    """The tracking of this process."""
    return _current


class Tracking:
    """One session of one shell. Implements Observer for the autolog files."""

    def __init__(self, shell: InteractiveShell, options: TrackOptions) -> None:
        settings = Settings.current()
        if options.store:
            settings.store = options.store
        if options.state:
            settings.state = options.state
        folder = settings.outbox_folder()
        try:
            self._outbox = Outbox(folder)
        except OSError as error:
            raise StoreError(f"the outbox {folder} cannot be written: {error.strerror or error}",
                             "set MLOPS_STATE to a folder that you may write, then %mlops track") from error
        self._shell = shell
        self._redact = Redactor(load_key(folder.parent))
        notebook = notebook_path(options, shell.user_ns.get("__vsc_ipynb_file__"), Path.cwd(), connection_file())
        self.session = new_session(options, self._outbox.writer, notebook, connection_file(), __version__)
        self._fence = Fence(self._trip)
        self._tracker = Tracker(self.session.id)
        self._notes = Notes(self._tracker, self._outbox, self._redact, shell.user_ns)
        self._listeners: list[Listener] = []
        self._opened: list[Open] = []
        self._imports = ImportHooks(self._fenced)
        self._files = _file_watch()
        self._readers = Readers(self._files.touch, self._imports)
        self._watch = CellWatch(cast(CellShell, shell), self._outbox, self._redact, options.outputs, self._files)
        self._lock = threading.Lock()
        self._packages: frozenset[str] = frozenset()
        self._scan: threading.Thread | None = None
        self._cells: set[str] = set()
        self._cost = 0.0
        self._spent = 0.0
        self._seconds = 0.0
        self._active = False

    # life

    def begin(self) -> None:
        """Write the session, take over history, register the hooks."""
        self._files.configure(Path.cwd(), (self._outbox.folder.parent,))
        self._outbox.record(self.session)
        self._active = True
        scanned = self._start_scan()
        running = running_cell()
        with self._fence.guard("history"):
            self._take_history(running)
        with self._fence.guard("imports"):
            self._files.install()
            self._imports.install()
            self._readers.install()
        with self._fence.guard("calls"):
            self._install_calls()
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        atexit.register(self.end)
        scanned.wait(SCAN_SECONDS)
        if running is not None and not is_ours(running.raw_cell):
            self._before(running)  # what else is in the cell that switched tracking on is recorded from here

    def end(self) -> None:
        """Write that the session has ended, give everything back. Safe to call twice."""
        if not self._active:
            return
        self._active = False
        atexit.unregister(self.end)
        self._fenced(self._unhook)
        while self._opened:
            opened = self._opened.pop()
            with self._fence.guard("the last cell"):
                self._watch.quit(opened)
                execution = self._tracker.finish(CellExecuted(at=time.time(), state="ok"), threading.get_ident())
                if execution is not None:
                    self._outbox.record(execution)
        if self._scan is not None:
            self._scan.join(2.0)
        with self._fence.guard("the session's end"):
            self._update(ended=time.time(), state="ended")
            self._outbox.close()

    def _unhook(self) -> None:
        for event, function in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            if function in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, function)
        self._readers.remove()
        self._imports.remove()
        calls.remove()
        self._files.stop()

    def _trip(self, line: str) -> None:
        """Too many failures of our own: one line, then nothing more."""
        global _current  # noqa: PLW0603
        _current = None
        print(line, file=sys.stderr)  # noqa: T201 (the fence's one line)
        self.end()

    def _fenced(self, step: Callable[[], None]) -> None:
        with self._fence.guard("a hook"):
            step()

    def status(self) -> Status:
        """What is stored, where, and what it cost."""
        return Status(
            session=self.session, executions=self._tracker.executions, observations=self._notes.count,
            outbox=str(self._outbox.folder), store=Settings.current().store_url(), cost_seconds=self._cost,
            cells_seconds=self._seconds, failures=self._fence.failures, active=self._active,
            notes=(*self.session.notes, *self._fence.notes),
        )

    def _update(self, added: Sequence[str] = (), **changes: object) -> None:
        """Write the session with these changes and, beside the notes that it has by now, those `added`."""
        with self._lock:
            notes = list(dict.fromkeys([*self.session.notes, *self._fence.notes, *added]))
            self.session = msgspec.structs.replace(self.session, **{**changes, "notes": notes})
            self._outbox.record(self.session)

    def _start_scan(self) -> threading.Event:
        """Look at git, hardware and packages in a thread; the session is written again with what was found."""
        done = threading.Event()

        def scan() -> None:
            with self._fence.guard("the environment"):
                try:
                    git, notes = surroundings.git_state(Path.cwd(), self._outbox.blob, self._redact)
                    self._update(notes, git=git, hardware=surroundings.hardware(), environment=surroundings.environment())
                    self._packages = surroundings.package_names()
                finally:
                    done.set()

        self._scan = threading.Thread(target=scan, name="mlops-scan", daemon=True)
        self._scan.start()
        return done

    # cells

    def _take_history(self, running: CellInfo | None) -> None:
        """Cells that ran before tracking, with their source only."""
        history = self._shell.history_manager
        if history is None:
            return
        sources = list(enumerate(zip(history.input_hist_raw, history.input_hist_parsed, strict=False)))[1:]
        if running is not None and running.store_history:
            sources = sources[:-1]
        for prompt, (raw, parsed) in sources[-UNTRACKED:]:
            if raw.strip() and not is_ours(raw) and not is_skip(raw):
                stores = analyse(parsed, self._shell.transform_cell).stores
                self._outbox.record(self._tracker.untracked(self._redact(raw), self._redact(parsed), prompt, stores))

    def _before(self, info: CellInfo) -> None:
        clock = time.perf_counter()
        try:
            with self._fence.guard("the start of a cell"):
                self._open(info)
        except KeyboardInterrupt:
            threading.Timer(0.01, interrupt_main).start()  # it was meant for the cell, which is about to run
        self._spent = time.perf_counter() - clock
        self._cost += self._spent

    def _open(self, info: CellInfo) -> None:
        source = info.raw_cell
        skip = is_skip(source)
        transformed = getattr(info, "transformed_cell", None)
        executed = transformed if isinstance(transformed, str) else self._shell.transform_cell(source)
        event = CellStarted(
            at=time.time(), source=self._redact(source), executed=self._redact(executed), ours=is_ours(source), skip=skip,
            cell=getattr(info, "cell_id", None) or "", thread=threading.get_ident(),
            prompt=self._shell.execution_count - 1 if info.store_history else None,
        )
        if executed.rstrip("\n") == source.rstrip("\n"):
            event.executed = event.source
        execution = self._tracker.start(event)
        if execution is None:
            return
        self._outbox.record(execution)
        with self._fence.guard("calls"):
            calls.before_cell(event.executed)
        self._opened.append(self._watch.open(executed, self._shell.transform_cell, quiet=event.ours or skip))

    def _after(self, result: CellResult | None) -> None:
        clock = time.perf_counter()
        thread = threading.get_ident()
        try:
            with self._fence.guard("the end of a cell"):
                self._close(result, thread, clock)
        except KeyboardInterrupt:
            with self._fence.guard("a cell cut short"):
                self._cut_short(result, thread, "interrupted while its results were looked at")

    def _cut_short(self, result: CellResult | None, thread: int, why: str) -> None:
        """The cell has ended and little is known of it: its record says so, and counts as touching everything."""
        while self._opened:
            self._watch.quit(self._opened.pop())
        self._files.stop()
        self._watch.forget()
        error = None if result is None else result.error_before_exec or result.error_in_exec
        state: ExecutionState = "ok" if error is None else "interrupted" if is_interrupt(error) else "error"
        if (execution := self._tracker.finish(CellExecuted(at=time.time(), state=state, opaque=[why]), thread)) is not None:
            self._outbox.record(execution)

    def _close(self, result: CellResult | None, thread: int, clock: float) -> None:
        running = self._tracker.running(thread)
        if running is None:
            self._tracker.drop(thread)
            return
        if not self._opened:
            self._cut_short(result, thread, "tracking failed at the start of this cell")
            return
        at = time.time()
        opened = self._opened[-1]
        error = None if result is None else result.error_before_exec or result.error_in_exec
        event = CellExecuted(at=at, state="ok" if error is None else "interrupted" if is_interrupt(error) else "error")
        if error is not None:
            with self._fence.guard("the error"):
                event.error = self._watch.error(error, self.is_user_code)
        event = self._watch.close(opened, event, running.prompt, self._fence)
        self._opened.pop()
        calls.after_cell()
        self._files.reopen()
        with self._fence.guard("observations"):
            self._notes.flush(event.writes)
        self._look_for_new_packages(event)
        spent = time.perf_counter() - clock
        event.cost = self._spent + spent
        self._spent = 0.0
        self._cost += spent
        if (execution := self._tracker.finish(event, thread)) is not None:
            self._seconds += execution.seconds or 0.0
            self._outbox.record(execution)

    def _look_for_new_packages(self, event: CellExecuted) -> None:
        """A cell installed something: take the environment again."""
        if not any("pip" in effect or "conda" in effect or "uv " in effect for effect in event.effects):
            return
        if self._packages and surroundings.package_names() != self._packages:
            self._start_scan()

    def is_user_code(self, filename: str) -> bool:
        """True for the files that cells are compiled as, and the user's own modules' files."""
        if filename in self._cells:
            return True
        if "ipykernel_" in filename or filename.startswith(("<ipython-input-", "<cell")):
            self._cells.add(filename)
            return True
        return self._watch.owns(filename)

    # observations

    def listen(self, listener: Listener) -> None:
        """See `Observer.listen`."""
        self._listeners.append(listener)

    def observe(self, draft: Draft) -> str:
        """See `Observer.observe`."""
        return self._notes.take(draft).id

    def log(self, draft: Draft) -> Observation:
        """What the user says (`log_metric` …): recorded at once."""
        return self._notes.take(draft, at_once=True)

    def name_of(self, value: object) -> str:
        """See `Observer.name_of`."""
        return self._notes.name_of(value)

    def keep(self, data: bytes) -> str:
        """Keep bytes as a blob of the session; the content hash."""
        return self._outbox.blob(data)

    def record_goal(self, goal: Goal) -> None:
        """Write the objective of the session's experiment."""
        self._outbox.record(goal)

    def redact(self, text: str) -> str:
        """`text` without secrets, as this session's records have it."""
        return self._redact(text)

    def _emit(self, call: ObservedCall) -> None:
        for listener in self._listeners:
            with self._fence.guard(f"what {call.function} returned"):
                listener(call)

    def _install_calls(self) -> None:
        calls.install(self._shell, self.is_user_code, self._emit)
        if not calls.sees_functions():
            self._fence.notes.append(calls.UNSEEN)
            self._update()
        for name in plugins.available(plugins.AUTOLOG):
            self._imports.after(name, self._attach)

    def _attach(self, module: ModuleType) -> None:
        autolog = plugins.load(plugins.AUTOLOG, module.__name__)
        cast(Autolog, autolog).attach(self)


def _file_watch() -> FileWatch:
    global _files  # noqa: PLW0603 (an audit hook cannot be removed: one for the life of the process)
    if _files is None:
        _files = FileWatch()
    return _files
