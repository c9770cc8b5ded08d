"""Tracking in a running IPython shell: the one object that holds a session together, from `%mlops track` to its end.

`pre_run_cell` and `post_run_cell` are IPython's own events; nothing of the shell is replaced. What happens at them is in
`life.py`. All our work is inside the fence.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import msgspec
from IPython.core.getipython import get_ipython

from mlops_jupyter import plugins
from mlops_jupyter.capture import calls
from mlops_jupyter.capture import environment as surroundings
from mlops_jupyter.capture.cells import CellWatch
from mlops_jupyter.capture.cells import Shell as CellShell
from mlops_jupyter.capture.deferred import Deferred
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.files import FileWatch
from mlops_jupyter.capture.imports import ImportHooks
from mlops_jupyter.capture.installs import Installs
from mlops_jupyter.capture.life import CellLife, Parts
from mlops_jupyter.capture.names import analyse
from mlops_jupyter.capture.namespace import Namespace
from mlops_jupyter.capture.notes import Notes
from mlops_jupyter.capture.observer import Draft, Listener, ObservedCall
from mlops_jupyter.capture.options import TrackOptions, decode_options
from mlops_jupyter.capture.readers import Readers
from mlops_jupyter.capture.secrets import CleanOutbox, Redactor, load_key
from mlops_jupyter.capture.session import new_session, notebook_path, writer_of
from mlops_jupyter.capture.shell import Autolog, CellInfo, Status, connection_file, running_cell
from mlops_jupyter.capture.sights import Sights
from mlops_jupyter.capture.started import Started
from mlops_jupyter.capture.tracker import CellExecuted, Tracker
from mlops_jupyter.capture.unwrap import is_ours, is_skip
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.errors import ConflictError, StoreError
from mlops_jupyter.entities.runs import Goal
from mlops_jupyter.entities.sessions import Observation
from mlops_jupyter.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_jupyter.capture.keeping import Keeping
    from mlops_jupyter.capture.resuming import Here
    from mlops_jupyter.capture.resuming import Shell as ResumingShell

SCAN_SECONDS = 0.08
"""How long `%mlops track` waits for git and packages before it goes on without them."""
LAST_WAIT = 2.0
KEEP_WAIT = 10.0
"""Most seconds that the end of a session waits for values that are being read, where somebody waits for it."""
_NOBODY_WAITS = frozenset({"headless", "job", "verification"})
"""Sessions without a person at the keyboard: there each value is read to the end."""
_SCANNED = 20.0
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


def begin_checkpoints(plan: str) -> str:
    """Keep what costly cells of this session leave, and bring it back, as `plan` (JSON) says; for the papermill engine."""
    from mlops_jupyter.capture.resuming import begin

    if _current is None:
        raise ConflictError("this kernel is not tracked", "mlops doctor")
    begin(_current.resuming(), str(Settings.current().outbox_folder().parent), plan)
    return ""


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
        self._redact = Redactor(load_key(folder.parent))
        try:
            self._outbox = CleanOutbox(folder, self._redact, _say, writer_of(options.origin))
        except OSError as error:
            raise StoreError(f"the outbox {folder} cannot be written: {error.strerror or error}",
                             "set MLOPS_STATE to a folder that you may write, then %mlops track") from error
        self._shell = shell
        notebook = notebook_path(options, shell.user_ns.get("__vsc_ipynb_file__"), Path.cwd(), connection_file())
        self.session = new_session(options, self._outbox.writer, notebook, connection_file(), __version__)
        self._fence = Fence(self._trip, self._redact)
        self._tracker = Tracker(self.session.id)
        self._notes = Notes(self._tracker, self._outbox, self._redact, shell.user_ns)
        self._listeners: list[Listener] = []
        self._imports = ImportHooks(self._fenced)
        self._files = _file_watch()
        self._readers = Readers(Sights(self._files), self._imports)
        self._wait = None if self.session.kind in _NOBODY_WAITS else settings.hash_wait
        self._deferred = Deferred(self._fence, settings.hash_bytes, self._wait)
        self._started = Started(self.is_user_code)
        namespace = Namespace(shell.user_ns, settings.hash_bytes, self._redact.is_secret, self._deferred.settle,
                              self._started.take)
        self._watch = CellWatch(cast(CellShell, shell), self._outbox, self._redact, options.outputs, self._files, namespace)
        self._life = CellLife(Parts(
            self._tracker, self._watch, self._notes, self._outbox, self._fence, self._deferred, self._redact,
            shell.transform_cell, lambda: shell.execution_count - 1, self.is_user_code, self._cell_ended,
        ))
        self._keeping = self._keep_data(options.keep_data) if options.keep_data else None
        self._lock = threading.Lock()
        self._installs = Installs(folder.parent / "environments", self.session.notebook.id if self.session.notebook else "")
        self._scan: threading.Thread | None = None
        self._cells: set[str] = set()
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
            self._started.install()
            self._files.executed = self._started.executed
        for event, function in self._hooks():
            self._shell.events.register(event, function)
        atexit.register(self.end)
        scanned.wait(SCAN_SECONDS)
        if running is not None and not is_ours(running.raw_cell):
            self._life.before(running)  # what else is in the cell that switched tracking on is recorded from here

    def end(self) -> None:
        """Write that the session has ended, give everything back. Safe to call twice."""
        if not self._active:
            return
        self._active = False
        atexit.unregister(self.end)
        self._fenced(self._unhook)
        self._life.end(None if self._wait is None else LAST_WAIT)
        if self._keeping is not None:
            self._keeping.close(None if self._wait is None else KEEP_WAIT)
        if self._scan is not None:
            self._scan.join(2.0)
        with self._fence.guard("the session's end"):
            self._update(self._keeping.failures if self._keeping is not None else (), ended=time.time(), state="ended")
            self._outbox.close()

    def _hooks(self) -> list[tuple[str, Callable[..., None]]]:
        life = self._life
        return [("pre_execute", life.before_silent), ("post_execute", life.after_silent),
                ("pre_run_cell", life.before), ("post_run_cell", life.after)]

    def _unhook(self) -> None:
        for event, function in self._hooks():
            if function in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, function)
        mechanisms = (self._readers.remove, self._imports.remove, calls.remove, self._started.remove)
        for step in (self._watch.remove, *mechanisms, self._files.stop):
            self._fenced(step)  # each for itself: one that fails leaves no other hooked

    def _trip(self, line: str) -> None:
        """Too many failures of our own: one line, then nothing more."""
        global _current  # noqa: PLW0603
        _current = None
        _say(line)
        self.end()

    def _fenced(self, step: Callable[[], None]) -> None:
        with self._fence.guard("a hook"):
            step()

    def status(self) -> Status:
        """What is stored, where, and what it cost."""
        return Status(
            session=self.session, executions=self._tracker.executions, observations=self._notes.count,
            outbox=str(self._outbox.folder), store=Settings.current().store_url(), cost_seconds=self._life.cost,
            cells_seconds=self._life.seconds, after_seconds=self._deferred.seconds, failures=self._fence.failures,
            waiting=self._outbox.waiting, active=self._active, notes=(*self.session.notes, *self._fence.notes),
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
            with self._fence.guard("the environment"), self._files.unseen():
                try:
                    environment, differs = self._installs.take()
                    git, notes = surroundings.git_state(Path.cwd(), self._outbox.blob, self._redact)
                    self._update([*notes, *([differs] if differs else [])], git=git, hardware=surroundings.hardware(),
                                 environment=environment)
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

    def _keep_data(self, limit: int) -> Keeping:
        from mlops_jupyter.capture.keeping import Keeping  # two milliseconds that few sessions need

        return Keeping(self.session.id, self._outbox, self._outbox.folder.parent / "kept", limit, self._files.unseen)

    def _cell_ended(self, event: CellExecuted) -> None:
        """If something was installed: the session has another environment from here on."""
        with self._fence.guard("the environment"):
            found, before = self._installs.after_cell(), self.session.environment
            if found is not None and before is not None:
                event.environment = found.id
                self._update(environment=found, environments=[*self.session.environments, before])
        if self._keeping is not None:
            self._keeping.cell_ended(self._tracker.current(threading.get_ident()), event.files)

    def is_user_code(self, filename: str) -> bool:
        """True for the files that cells are compiled as, and the user's own modules' files."""
        if filename in self._cells:
            return True
        if "ipykernel_" in filename or filename.startswith(("<ipython-input-", "<cell")):
            self._cells.add(filename)
            return True
        return self._watch.owns(filename)

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

    def variable(self, name: str) -> object:
        """The value that the user's namespace has under `name`. Raises KeyError if there is none."""
        return self._shell.user_ns[name]

    def keep(self, data: bytes) -> str:
        """Keep bytes as a blob of the session; the content hash."""
        return self._outbox.blob(data)

    def resuming(self) -> Here:
        """What checkpoints of this session are made of."""
        from mlops_jupyter.capture.resuming import Here

        def scanned() -> None:
            if self._scan is not None:
                self._scan.join(_SCANNED)

        return Here(cast("ResumingShell", self._shell), lambda: self.session, scanned, self._tracker, self._watch.namespace,
                    self._watch.generators, self._deferred, self._outbox, self._redact, self._shell.transform_cell,
                    self._files.unseen)

    def record_goal(self, goal: Goal) -> None:
        """Write the objective of the session's experiment."""
        self._outbox.record(goal)

    def redact(self, text: str) -> str:
        """`text` without secrets, as this session's records have it."""
        return self._redact(text)

    def _emit(self, call: ObservedCall) -> None:
        clock = time.perf_counter()
        for listener in self._listeners:
            with self._fence.guard(f"what {call.function} returned"):
                listener(call)
        self._life.spend(time.perf_counter() - clock)

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


def _say(line: str) -> None:
    with suppress(Exception):  # a stream of the user's
        print(line, file=sys.stderr)  # noqa: T201 (the fence's one line; a disk that refuses)


def _file_watch() -> FileWatch:
    global _files  # noqa: PLW0603 (an audit hook cannot be removed: one for the life of the process)
    if _files is None:
        _files = FileWatch()
    return _files
