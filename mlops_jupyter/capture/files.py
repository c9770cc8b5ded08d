"""Which files a cell read and wrote, and what else it reached outside: processes, network hosts, databases, addresses.

Python's audit hook sees every `open`, `os.open`, `subprocess`, `socket.connect` and HTTP request of the process. It can never be
removed, so it begins with one `if` (even `id()` raises an event). Inside a cell it only adds to a set; paths are sorted out
when the cell ends. Libraries that raise no event report here through `sights.py`.

A database or HDF5 file stays open over many cells. Such files are *held*: looked at before and after each cell (a stat each),
so that the cell which changed one is known as its writer, whoever opened it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.capture.held import Held
from mlops_jupyter.capture.places import files_in, system_folders
from mlops_jupyter.capture.queries import MOST as MOST_QUERIES
from mlops_jupyter.capture.queries import Queries, settled
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import FileAccess, Query
from mlops_jupyter.fingerprint import fingerprint_file

Mode = Literal["read", "write"]
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".dylib", ".pth", ".ttf", ".otf", ".afm", ".mplstyle")
_PROCESS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"}
_MOVES = frozenset({"os.remove", "os.rename", "os.link", "os.symlink", "os.truncate"})
_SQLITE = frozenset({"sqlite3.connect", "sqlite3.connect/handle"})
_HTTP = frozenset({"urllib.Request", "http.client.send"})
_SEEN = frozenset({"open", "exec", "socket.connect", *_SQLITE, *_HTTP, *_PROCESS, *_MOVES})
_MOST = 2000
"""Most files recorded of one cell."""
_WORDS = 4096
"""Characters taken of a command: it is cut when secrets are out."""
_LARGEST = 4 << 30
"""Larger files are recorded by size alone: hashing one would hold up the next cell."""
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0"})  # noqa: S104 (compared, not bound)
_UNKNOWN = Fingerprint(kind="file")
_TICK = 0.05
"""Seconds that a file system's clock may be behind."""


class FileAccesses(msgspec.Struct):
    """What one cell reached. `dropped`: files beyond the cap."""

    files: list[FileAccess] = []
    effects: list[str] = []
    dropped: int = 0
    queries: list[Query] = []


class Reached(msgspec.Struct, eq=False):
    """What a cell that runs has reached so far. `contents`: of files that it read, or connected to, and then wrote."""

    began: float
    opened: set[tuple[str, Mode]] = msgspec.field(default_factory=set)
    effects: dict[str, None] = {}
    contents: dict[str, Fingerprint] = {}
    folders: set[str] = msgspec.field(default_factory=set)
    """Given to a writer: what is new in them when the cell has ended was written by it."""
    queries: list[Query] = []


class FileWatch:
    """One per process. `begin()` and `end()` around each cell; where several run at once, what is reached is everyone's."""

    def __init__(self) -> None:
        self._cwd = Path.cwd()
        self._running: tuple[Reached, ...] = ()
        self._pid = os.getpid()
        self._excluded: tuple[str, ...] = ()
        self._installed = False
        self._made: set[str] = set()
        """Files that cells of this session wrote."""
        self._held = Held()
        self._connecting = ""
        self._ours: frozenset[int] = frozenset()
        self.queries = Queries(self._asked)
        self.executed: Callable[[object], None] = lambda code: None
        """Told of each code object that runs at the level of a module."""
        self.active = False

    def configure(self, cwd: Path, exclude: Iterable[Path]) -> None:
        """For a session in `cwd`: paths are relative to it; `exclude` are our own folders."""
        self._cwd = cwd
        self._pid = os.getpid()
        self._made.clear()
        self._held.clear()
        self._excluded = tuple(root for root in system_folders(exclude) if not f"{cwd}{os.sep}".startswith(root))

    def stop(self) -> None:
        """Go to sleep: from now on the hook is one `if`."""
        self._running = ()
        self.active = False

    def install(self) -> None:
        """Add the hook to the process, once: it cannot be taken away again, only be put to sleep."""
        if not self._installed:
            self._installed = True

            def hook(event: str, args: tuple[object, ...], watch: FileWatch = self, seen: frozenset[str] = _SEEN) -> None:
                if watch.active and event in seen:
                    watch.see(event, args)

            sys.addaudithook(hook)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What this thread does meanwhile is ours, not the user's."""
        thread = threading.get_ident()
        self._ours |= {thread}
        try:
            yield
        finally:
            self._ours -= {thread}

    def see(self, event: str, args: tuple[object, ...]) -> None:
        """One audit event of a cell. Never raises: that would fail the user's own call."""
        if threading.get_ident() in self._ours:
            return
        try:
            if event == "open":
                path, mode, flags = args
                self._open(path, mode, flags)
            elif event == "exec":
                self.executed(args[0])
            elif event in _MOVES:
                self._move(event, args)
            elif event == "socket.connect":
                self._connect(args[1])
            elif event in _SQLITE:
                self._sqlite(event, args[0])
            elif event in _HTTP:
                self._http(event, args)
            else:
                self._effect("process", args[0], args)
        except Exception:  # noqa: BLE001 (counted as an effect, in words)
            self._note("an event that could not be understood")

    def _open(self, path: object, mode: object, flags: object) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str):
            return
        if isinstance(mode, str):
            write = any(letter in mode for letter in "wax+")
        else:
            write = isinstance(flags, int) and bool(flags & _WRITE_FLAGS)
        if path.endswith(_CODE) and not write and os.path.abspath(path) not in self._made:  # noqa: PTH100 (a hot path)
            return
        self.touch(path, "write" if write else "read")
        if isinstance(mode, str) and "+" in mode and "w" not in mode:
            self.touch(path, "read")

    def _move(self, event: str, args: tuple[object, ...]) -> None:
        """A file was removed, renamed, linked, cut."""
        if any(isinstance(part, int) and part >= 0 for part in args[1 if event != "os.truncate" else 2:]):
            return  # relative to an open folder: not known by name
        paths = [_text(part) for part in args if isinstance(part, str | bytes | os.PathLike)]
        if event in {"os.remove", "os.truncate", "os.rename"}:
            self.touch(paths[0], "write")
        if len(paths) > 1:
            self.touch(paths[0], "read")
            self.touch(paths[1], "write")

    def touch(self, path: str, mode: Mode) -> None:
        """A file was opened: by an event or through a door."""
        if self.here():
            if not os.path.isabs(path):  # noqa: PTH117 (a hot path)
                path = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
            for reached in self._running:
                if mode == "write" and (path, "read") in reached.opened and path not in reached.contents:
                    self._keep_content(path)
                if len(reached.opened) < 20 * _MOST:
                    reached.opened.add((path, mode))

    def fill(self, folder: str) -> None:
        """A writer was given this path, which may be a folder that it fills."""
        if self.here():
            for reached in self._running:
                reached.folders.add(os.path.abspath(folder))  # noqa: PTH100

    def _keep_content(self, path: str) -> None:
        """The file is about to be written: what it holds now is what was read. Our own opening of it is not seen."""
        was_active, self.active = self.active, False
        try:
            if os.path.getsize(path) <= _LARGEST:  # noqa: PTH202
                found = fingerprint_file(path)
                for reached in self._running:
                    reached.contents.setdefault(path, found)
        except OSError:
            pass  # it was never there
        finally:
            self.active = was_active

    def _note(self, effect: str) -> None:
        for reached in self._running:
            reached.effects.setdefault(effect)

    def _asked(self, query: Query) -> None:
        for reached in self._running:
            if len(reached.queries) < MOST_QUERIES:
                reached.queries.append(query)
            else:
                reached.effects.setdefault("more queries than are recorded of one cell")

    def has_room(self) -> bool:
        """False once so many queries were asked that further rows need not be looked at."""
        return any(len(reached.queries) < MOST_QUERIES for reached in self._running)

    def _effect(self, kind: str, what: object, args: tuple[object, ...]) -> None:
        command = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else what
        words = [os.fsdecode(word) for word in command] if isinstance(command, list | tuple) else [_text(command)]
        self._note(f"{kind}: {' '.join(words)[:_WORDS]}")

    def effect(self, text: str) -> None:
        """Something outside, in words."""
        if self.here():
            self._note(text)

    def here(self) -> bool:
        """True while a cell of this very process runs: what a forked child does is not ours to tell."""
        return self.active and os.getpid() == self._pid

    def _connect(self, address: object) -> None:
        if isinstance(address, tuple) and address and isinstance(address[0], str) and address[0] not in _LOCAL:
            self._note(f"network: {address[0]}:{address[1]}")

    def _http(self, event: str, args: tuple[object, ...]) -> None:
        method, url = (_text(args[3]), _text(args[0])) if event == "urllib.Request" else _request_url(args[0], args[1])
        if url.startswith(("http://", "https://")) and self.here() and not self.queries.url(url, method):
            self._note(f"network: {method} {self.queries.clean(url)}")

    # databases and other files that stay open

    def _sqlite(self, event: str, what: object) -> None:
        if event == "sqlite3.connect/handle":
            self.queries.connected(what, self._connecting, "sqlite")
            return
        name = _text(what)
        name = name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name
        self._connecting = name
        if name and name != ":memory:":
            self.database(name, wal="-wal")

    def database(self, name: str, wal: str) -> None:
        """A database file is connected: read where it is there, held from now on, an effect only outside the session's folder."""
        path = os.path.abspath(name)  # noqa: PTH100 (a hot path; links stay as the user wrote them)
        if not self.here() or self._is_excluded(path):
            return
        if not path.startswith(f"{self._cwd}{os.sep}"):
            self._note(f"database: {name}")
        if os.path.exists(path):  # noqa: PTH110
            self.touch(path, "read")
            if not self._held.has(path):
                self._keep_content(path)
        self.hold(path, path + wal)

    def hold(self, path: str, *beside: str) -> None:
        """From now on look at this file (and those beside it) around each cell: a change is the cell's."""
        if self.here():
            self._held.add(os.path.abspath(path), *beside)  # noqa: PTH100

    def _look_at_held(self) -> None:
        for path in self._held.changed():
            for reached in self._running:
                reached.opened.add((path, "write"))

    def virtual(self, url: str, mode: Mode) -> None:
        """A file that only this process has (`memory://…`): no content that a later process could compare."""
        for reached in self._running if self.here() else ():
            reached.opened.add((url, mode))

    def begin(self) -> Reached:
        """A cell starts; `end` wants what is returned."""
        self._look_at_held()  # what changed between cells is nobody's
        reached = Reached(time.time())
        self._running = (*self._running, reached)
        self.active = True
        return reached

    def end(self, reached: Reached) -> FileAccesses:
        """The cell has ended: what it reached, fingerprinted. Files that are gone again are left out unless they were read."""
        self._look_at_held()
        self.drop(reached)
        was_active, self.active = self.active, False  # what we open ourselves is nobody's
        try:
            return self._accesses(reached)
        finally:
            self.active = was_active

    def drop(self, reached: Reached) -> None:
        """The cell has ended and nothing is to be said about it."""
        self._running = tuple(one for one in self._running if one is not reached)
        self.active = bool(self._running)

    def _accesses(self, reached: Reached) -> FileAccesses:
        result = FileAccesses(effects=list(reached.effects), queries=settled(reached.queries))
        opened = reached.opened | _filled(reached.folders, reached.began)
        if not opened:
            return result
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        written = {path for path, mode in opened if mode == "write"}
        for path, mode in sorted(opened):
            clean = path if "://" in path else os.path.normpath(path)
            if self._is_excluded(clean) or (clean in modules and clean not in self._made):
                continue
            if len(result.files) >= _MOST:
                result.dropped += 1
                continue
            before = reached.contents.get(path, _UNKNOWN) if mode == "read" and path in written else None
            access = self._access(clean, mode, before)
            if access is not None:
                result.files.append(access)
        self._made |= {os.path.normpath(path) for path in written}
        return result

    def _access(self, path: str, mode: Mode, before: Fingerprint | None) -> FileAccess | None:
        """`before`: what the file held before the cell wrote it, None for a file that it did not write, or wrote only."""
        if "://" in path:
            return FileAccess(path=path, mode=mode, fingerprint=Fingerprint(kind="file"))
        file = Path(path)
        try:
            status = file.stat()
        except OSError:
            return self._gone(file, mode) if path in self._made else None
        if not file.is_file():
            return None
        if before is not None:
            found = before
        elif status.st_size > _LARGEST:
            found = Fingerprint(kind="file", nbytes=status.st_size)
        else:
            found = fingerprint_file(file)
        return FileAccess(path=path, mode=mode, fingerprint=found, relative=self._relative(file), modified=status.st_mtime)

    def _gone(self, file: Path, mode: Mode) -> FileAccess:
        """A file that an earlier cell wrote and that is no longer there: this cell removed it, or met its absence."""
        return FileAccess(path=str(file), mode=mode, fingerprint=Fingerprint(kind="file"), relative=self._relative(file))

    def _relative(self, file: Path) -> str:
        return file.relative_to(self._cwd).as_posix() if file.is_relative_to(self._cwd) else ""

    def _is_excluded(self, path: str) -> bool:
        return path.startswith(self._excluded) or "/__pycache__/" in path or "/site-packages/" in path or "/ipykernel_" in path


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    return value if isinstance(value, str) else os.fspath(value) if isinstance(value, os.PathLike) else ""


def _filled(folders: Iterable[str], began: float) -> set[tuple[str, Mode]]:
    """The files that the cell made or changed in folders that were given to a writer."""
    return {(file, "write") for folder in folders for file in files_in(folder) if _time_of(file) >= began - _TICK}


def _time_of(file: str) -> float:
    try:
        return os.stat(file).st_mtime  # noqa: PTH116
    except OSError:
        return 0.0


def _request_url(connection: object, data: object) -> tuple[str, str]:
    """(method, URL) of the first bytes of a request over `http.client`; two empty texts for what is no head."""
    if not isinstance(data, bytes | bytearray | memoryview):
        return "", ""
    line, _, rest = bytes(data[:8192]).partition(b"\r\n")
    method, _, target = line.decode("latin-1").partition(" ")
    if not rest or not target.endswith(("HTTP/1.1", "HTTP/1.0")):
        return "", ""
    target = target.rpartition(" ")[0]
    if "://" in target:
        return method, target
    host, port = getattr(connection, "host", ""), getattr(connection, "port", None)
    standard = getattr(connection, "default_port", 80)
    scheme = "https" if standard == 443 or "HTTPS" in type(connection).__name__ else "http"
    tunnel = getattr(connection, "_tunnel_host", None)
    place = tunnel if tunnel else host if port in {None, standard} else f"{host}:{port}"
    return method, f"{scheme}://{place}{target}"
