"""Which files a cell read and wrote, and what else it reached outside: processes, network hosts, databases.

Python's audit hook sees every `open`, `os.open`, `subprocess`, `socket.connect` of the process. It can never be removed, so
it begins with one `if` (even `id()` raises an event). Inside a cell it only adds to a set; paths are sorted out when the
cell ends. Arrow and Polars read and write in C++ and raise no event: `readers.py` wraps their doors and reports here as well.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import FileAccess
from mlops_jupyter.fingerprint import fingerprint_file

Mode = Literal["read", "write"]
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".dylib", ".pth", ".ttf", ".otf", ".afm", ".mplstyle")
_PROCESS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"}
_MOVES = frozenset({"os.remove", "os.rename", "os.link", "os.symlink", "os.truncate"})
_SEEN = frozenset({"open", "socket.connect", "sqlite3.connect", *_PROCESS, *_MOVES})
_MOST = 2000
"""Most files recorded of one cell."""
_LARGEST = 4 << 30
"""Larger files are recorded by size alone: hashing one would hold up the next cell."""


class FileAccesses(msgspec.Struct):
    """What one cell reached. `dropped`: files beyond the cap."""

    files: list[FileAccess] = []
    effects: list[str] = []
    dropped: int = 0


class Reached(msgspec.Struct, eq=False):
    """What a cell that runs has reached so far."""

    opened: set[tuple[str, Mode]] = msgspec.field(default_factory=set)
    effects: dict[str, None] = {}


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
        self.active = False

    def configure(self, cwd: Path, exclude: Iterable[Path]) -> None:
        """For a session in `cwd`: paths are relative to it; `exclude` are our own folders."""
        self._cwd = cwd
        self._pid = os.getpid()
        self._made.clear()
        self._excluded = tuple(root for root in _excluded([*exclude]) if not f"{cwd}{os.sep}".startswith(root))

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

    def see(self, event: str, args: tuple[object, ...]) -> None:
        """One audit event of a cell. Never raises: that would fail the user's own call."""
        try:
            if event == "open":
                path, mode, flags = args
                self._open(path, mode, flags)
            elif event in _MOVES:
                self._move(event, args)
            elif event == "socket.connect":
                self._connect(args[1])
            elif event == "sqlite3.connect":
                self._database(args[0])
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
        """A file was opened: by an event or by a wrapped reader."""
        if self.active and os.getpid() == self._pid:
            if not os.path.isabs(path):  # noqa: PTH117 (a hot path)
                path = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
            for reached in self._running:
                if len(reached.opened) < 20 * _MOST:
                    reached.opened.add((path, mode))

    def _note(self, effect: str) -> None:
        for reached in self._running:
            reached.effects.setdefault(effect)

    def _effect(self, kind: str, what: object, args: tuple[object, ...]) -> None:
        command = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else what
        words = [os.fsdecode(word) for word in command] if isinstance(command, list | tuple) else [_text(command)]
        self._note(f"{kind}: {' '.join(words)[:200]}")

    def _connect(self, address: object) -> None:
        local = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}  # noqa: S104 (compared, not bound)
        if isinstance(address, tuple) and address and isinstance(address[0], str) and address[0] not in local:
            self._note(f"network: {address[0]}:{address[1]}")

    def _database(self, database: object) -> None:
        name = _text(database)
        if name and name != ":memory:" and not self._is_excluded(os.path.abspath(name)):  # noqa: PTH100
            self._note(f"database: {name}")
            self.touch(name, "read")

    def begin(self) -> Reached:
        """A cell starts; `end` wants what is returned."""
        reached = Reached()
        self._running = (*self._running, reached)
        self.active = True
        return reached

    def end(self, reached: Reached) -> FileAccesses:
        """The cell has ended: what it reached, fingerprinted. Files that are gone again are left out unless they were read."""
        self.drop(reached)
        was_active, self.active = self.active, False  # what we open ourselves is nobody's
        try:
            return self._accesses(reached.opened, list(reached.effects))
        finally:
            self.active = was_active

    def drop(self, reached: Reached) -> None:
        """The cell has ended and nothing is to be said about it."""
        self._running = tuple(one for one in self._running if one is not reached)
        self.active = bool(self._running)

    def _accesses(self, opened: set[tuple[str, Mode]], effects: list[str]) -> FileAccesses:
        result = FileAccesses(effects=effects)
        if not opened:
            return result
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        written = {path for path, mode in opened if mode == "write"}
        for path, mode in sorted(opened):
            clean = os.path.normpath(path)
            if self._is_excluded(clean) or (clean in modules and clean not in self._made):
                continue
            if len(result.files) >= _MOST:
                result.dropped += 1
                continue
            access = self._access(clean, mode, overwritten=mode == "read" and path in written)
            if access is not None:
                result.files.append(access)
        self._made |= {os.path.normpath(path) for path in written}
        return result

    def _access(self, path: str, mode: Mode, *, overwritten: bool) -> FileAccess | None:
        file = Path(path)
        try:
            status = file.stat()
        except OSError:
            return self._gone(file, mode) if path in self._made else None
        if not file.is_file():
            return None
        if overwritten or status.st_size > _LARGEST:
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


def _excluded(more: list[Path]) -> tuple[str, ...]:
    """Folders whose files are nobody's data: the system, the interpreter, packages, caches, Jupyter's and our own."""
    home = Path.home()
    roots = [Path(root) for root in ("/proc", "/sys", "/dev", "/etc", "/usr/share", "/usr/lib", "/lib", "/lib64", "/run",
                                           "/System")]
    roots += [Path(value) for key, value in sysconfig.get_paths().items() if key not in {"scripts", "data"}]
    roots += [Path(path) for path in [*site.getsitepackages(), site.getusersitepackages()]]
    roots += [home / ".cache", home / ".config", home / ".ipython", home / ".jupyter", home / ".local", home / ".matplotlib",
              home / "Library" / "Jupyter", home / "Library" / "Caches"]
    roots += [Path(os.environ[name]) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")
              if os.environ.get(name)]
    roots += more
    return tuple({os.path.normpath(root) + os.sep for root in roots if str(root) not in {"/", tempfile.gettempdir()}})
