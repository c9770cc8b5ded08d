"""Kernels that start warm: forked from a parent that has already imported what the job imports, where that is safe.

The parent (`zygote.py`) is a process of its own, one for each interpreter, started when the first kernel is asked for. What
jupyter_client sees is its own local provisioner, with a process that was forked instead of spawned: it is polled, interrupted,
killed and waited for as any other. Where the parent refuses, the kernel is spawned as ever, and the reason is told once.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from mlops_jupyter.jobs.notebook import code_cells
from mlops_jupyter.jobs.source import parse
from mlops_jupyter.jobs.zygote import Reply, Request, Wanted

if TYPE_CHECKING:
    from nbformat import NotebookNode

_LAUNCHER = ["-m", "ipykernel_launcher"]
_BACKLOG = 64
_IMPORTS = 120.0  # seconds that the parent may take to import; the first kernel waits for it
_POLL = 0.02  # seconds between looks at a process that somebody waits for


def wanted(notebook: NotebookNode) -> list[Wanted]:
    """What the notebook's cells import at their top level, in order."""
    found: dict[Wanted, None] = {}
    for cell in code_cells(notebook):
        tree = parse(str(cell.source))
        for node in _statements(tree.body if tree is not None else []):
            if isinstance(node, ast.Import):
                found.update((Wanted(alias.name), None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found[Wanted(node.module, tuple(alias.name for alias in node.names if alias.name != "*"))] = None
    return list(found)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the cell runs, those under `if`, `with` and `try` among them."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody", "handlers"):
                for inner in getattr(statement, field, []):
                    yield from _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


class WarmKernels:
    """Where the kernels of one sweep are had from. `say` hears, once for each reason, why some start cold."""

    def __init__(self, modules: Sequence[Wanted], say: Callable[[str], None]) -> None:
        self._modules = list(modules)
        self._say = say
        self._folder = Path(tempfile.mkdtemp(prefix="mw"))  # private; a socket's path must be short
        self._lock = threading.Lock()
        self._parents: dict[tuple[str, ...], _Parent] = {}
        self._said: set[str] = set()

    def provisioner(self, manager: object) -> WarmProvisioner:
        """The provisioner that `manager` is to use."""
        made = WarmProvisioner(kernel_id=manager.kernel_id or "", kernel_spec=manager.kernel_spec, parent=manager)  # type: ignore[attr-defined]
        made.kernels = self
        return made

    def fork(self, command: list[str], request: Request) -> ForkedProcess | None:
        """A kernel for this command; None where it must start cold."""
        answer = self._ask(command, request)
        if isinstance(answer, ForkedProcess):
            return answer
        with self._lock:
            new = answer not in self._said
            self._said.add(answer)
        if new:
            self._say(f"kernels start cold: {answer}")
        return None

    def _ask(self, command: list[str], request: Request) -> ForkedProcess | str:
        place = next((at for at in range(1, len(command) - 1) if command[at:at + 2] == _LAUNCHER), 0)
        if not place:
            return f"{' '.join(command[:3])} is no ipykernel"
        request.argv = command[place + 2:]
        interpreter = tuple(command[:place])
        with self._lock:
            parent = self._parents.get(interpreter)
            if parent is None:
                parent = self._parents[interpreter] = _Parent(command[:place], self._modules, self._folder, request.env)
        return parent.ask(request)

    def close(self) -> None:
        """End the parents, and with them whatever kernel is left."""
        for parent in self._parents.values():
            parent.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> WarmKernels:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Parent:
    """One parent process, reached over a socket in a private folder."""

    def __init__(self, interpreter: list[str], modules: list[Wanted], folder: Path, env: dict[str, str]) -> None:
        self._path = str(folder / f"z{len(list(folder.iterdir()))}")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen(_BACKLOG)
            words = ["-m", "mlops_jupyter.jobs.zygote", str(listener.fileno()), msgspec.json.encode(modules).decode()]
            self._process = subprocess.Popen(
                [*interpreter, *words], env=env, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()], start_new_session=True,
            )  # in an empty folder: modules beside where the sweep was started are not to be taken for Python's

    def ask(self, request: Request) -> ForkedProcess | str:
        """The kernel, or why there is none."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_IMPORTS)
        try:
            connection.connect(self._path)
            connection.sendall(msgspec.json.encode(request) + b"\n")
            reply = _line(connection)
        except OSError as error:
            reply = Reply(refused=f"their parent does not answer: {error}")
        if reply is None:
            reply = Reply(refused=f"their parent ended with exit code {self._process.wait()}")
        if reply.pid:
            return ForkedProcess(connection, reply.pid)
        connection.close()
        return reply.refused

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _line(connection: socket.socket) -> Reply | None:
    """The next reply; None at the end."""
    text = b""
    while not text.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return None
        text += byte
    return msgspec.json.decode(text, type=Reply)


class ForkedProcess:
    """A kernel that is the parent's child and not ours: what `subprocess.Popen` is for one of ours."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection = connection
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it lives."""
        if self.returncode is None:
            self._connection.setblocking(False)
            try:
                peeked = self._connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return None
            except OSError:
                peeked = b""
            self._connection.setblocking(True)
            reply = _line(self._connection) if peeked else None
            code = reply.code if reply is not None else None
            self.returncode = -signal.SIGKILL if code is None else code  # with its parent gone, so is it
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", cast(float, timeout))
            time.sleep(_POLL)
        return code

    def send_signal(self, number: int) -> None:
        """Send it, unless the process has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self) -> None:
        """Give it up: the parent kills it, if it lives."""
        self._connection.close()

    def kill(self) -> None:
        """As `Popen.kill`."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """As `Popen.terminate`."""
        self.send_signal(signal.SIGTERM)


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc] # jupyter_client's types are skipped
    """jupyter_client's own, but that a kernel is asked of the warm parent first."""

    kernels: WarmKernels | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> object:
        """Fork it; where that cannot be, spawn it."""
        cwd, env = str(kwargs.get("cwd") or Path.cwd()), cast(dict[str, str], kwargs.get("env") or dict(os.environ))
        log = str(getattr(kwargs.get("stderr"), "name", ""))
        process = self.kernels.fork(cmd, Request([], cwd, env, log)) if self.kernels is not None else None
        if process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process
        self.pid = self.pgid = process.pid  # it leads a session of its own
        self.cwd = cwd
        return self.connection_info
