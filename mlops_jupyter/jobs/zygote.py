"""The parent of warm kernels: imports what a job imports, once, and forks a kernel for each request, while that is safe.

`python -m mlops_jupyter.jobs.zygote FD WANTED`, in the environment of the kernels. It stays a process of one thread that opens
nothing, because a fork copies one thread and every lock as it stands; before each fork that is checked again. A kernel is
asked for on a connection of its own, which tells its process id, then its exit code; whoever lets go of the connection has no
more use for the kernel, and it is killed. When standard input ends, the sweep has gone, and so do we.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import pickle
import selectors
import signal
import socket
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from mlops_jupyter import plugins
from mlops_jupyter.jobs.stash import Stash

_MAY_RUN = frozenset({"jemalloc_bg_thd"})
"""Threads that a fork does not harm: jemalloc, which Arrow brings, has fork handlers that hold its locks meanwhile."""
_NEVER = ("tensorflow", "jax", "jaxlib", "cupy", "numba.cuda", "grpc", "ray", "pyspark")
"""Libraries that keep devices, threads or connections, and say themselves that they do not survive a fork."""
_OF_A_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "ipykernel.zmqshell", "debugpy", "pydoc",
                "tornado.platform.asyncio", "IPython.extensions.storemagic", "mlops_jupyter.capture.ipython")
"""What every tracked kernel has loaded before its first cell."""
_PER_KERNEL = frozenset({"JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT", "IPY_INTERRUPT_EVENT"})


class Wanted(msgspec.Struct, frozen=True):
    """One import of the job's cells: `from module import names`, or `import module`."""

    module: str
    names: tuple[str, ...] = ()


class Request(msgspec.Struct):
    """A kernel to become: the words of its command after the interpreter's, its folder, its environment."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    log: str = ""
    """Where the kernel's own error stream goes; "": to ours."""


class Reply(msgspec.Struct, omit_defaults=True):
    """First `pid`, or why no kernel was forked; last, the exit code as `subprocess` has it."""

    pid: int = 0
    refused: str = ""
    code: int | None = None


class Zygote:
    """The loop: connections in, forks out."""

    def __init__(self, listener: socket.socket, environment: dict[str, str], fault: str) -> None:
        """`environment` that it was started in, which the kernels' must be; `fault`: why none may be forked, "" if they may."""
        self._listener = listener
        self._environment = environment
        self._fault = fault
        self._kernels: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._died, told = socket.socketpair()
        self._told = told
        for end in (self._died, told):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def serve(self) -> Request | None:
        """Until the sweep has gone: None. In a forked child: what it is to become."""
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._died, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    self._kill(list(self._kernels))
                    return None
                if key.fileobj is self._died:
                    self._reap()
                elif key.fileobj is self._listener:
                    request = self._answer(self._listener.accept()[0])
                    if request is not None:
                        return request
                else:  # it sends nothing more: this is its end
                    self._kill([pid for pid, connection in self._kernels.items() if connection is key.fileobj])
                    with suppress(KeyError, ValueError):  # its kernel may have ended in the same moment
                        self._selector.unregister(key.fileobj)

    def _answer(self, connection: socket.socket) -> Request | None:
        with connection.makefile("rb") as lines:
            line = lines.readline()
        if not line:
            connection.close()
            return None
        request = msgspec.json.decode(line, type=Request)
        refused = self._fault or self._other_environment(request) or unsafe({self._listener, self._died, self._told, connection,
                                                                            *self._kernels.values()})
        if refused:
            tell(connection, Reply(refused=refused))
            connection.close()
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 3.12 warns of any second thread; ours were looked at one by one
            pid = os.fork()
        if pid:
            self._kernels[pid] = connection
            self._selector.register(connection, selectors.EVENT_READ)
            return None
        self._become_nobody()
        os.setsid()
        tell(connection, Reply(pid=os.getpid()))
        connection.close()
        return request

    def _other_environment(self, request: Request) -> str:
        differs = {name for name in {*request.env, *self._environment} - _PER_KERNEL
                   if request.env.get(name) != self._environment.get(name)}
        return f"its environment is another one: {', '.join(sorted(differs))}" if differs else ""

    def _become_nobody(self) -> None:
        """A child keeps nothing of its parent's work: no connection, no handler."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for held in (self._listener, self._died, self._told, *self._kernels.values()):
            held.close()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._died.recv(4096)
        for pid, connection in list(self._kernels.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._kernels[pid]
                with suppress(KeyError):
                    self._selector.unregister(connection)
                tell(connection, Reply(code=os.waitstatus_to_exitcode(status)))
                connection.close()

    def _kill(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def tell(connection: socket.socket, reply: Reply) -> None:
    """Send one line; whoever no longer listens need not hear it."""
    with suppress(OSError):
        connection.sendall(msgspec.json.encode(reply) + b"\n")


def unsafe(ours: set[socket.socket]) -> str:
    """Why this process may not fork now; "" if it may."""
    try:
        names = {task.name: (task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
        places = [str(descriptor.readlink()) for descriptor in Path("/proc/self/fd").iterdir()
                  if int(descriptor.name) > 2 and os.path.lexists(descriptor)]
    except OSError:
        return "threads and connections cannot be counted here: there is no /proc"
    threads = [name for task, name in names.items() if task != str(os.getpid()) and name not in _MAY_RUN]
    if threads:
        return f"the job's imports started threads: {', '.join(sorted(threads))}"
    sockets = {place for place in places if place.startswith("socket:")}
    if sockets - {f"socket:[{os.fstat(one.fileno()).st_ino}]" for one in ours}:
        return "the job's imports opened a connection"
    never = [name for name in _NEVER if name in sys.modules]
    if never:
        return f"the job imports {', '.join(never)}, which does not survive a fork"
    cuda = sys.modules.get("torch.cuda")
    if cuda is not None and cuda.is_initialized():
        return "the job's imports use a GPU through torch.cuda"
    return ""


def load(wanted: list[Wanted], stash: Stash) -> str:
    """Import it all, in order, into the stash. Why that makes another kernel than importing it in a cell would; "" if not."""
    with _listening() as heard:
        try:
            for one in wanted:
                drawn = _numpy_state()
                stash.fill(_importing(one))
                if drawn is not None and drawn != _numpy_state():
                    return f"importing {one.module} draws random numbers of numpy"
        except Exception as error:  # noqa: BLE001 (the cell that imports it shall fail, not we)
            return f"importing {one.module} fails: {type(error).__name__}: {error}"
    return f"the job's imports print: {heard[0].splitlines()[0][:120]}" if heard else ""


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What is printed meanwhile, in Python or below it, is put into the list at the end."""
    heard: list[str] = []
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            yield heard
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            file.seek(0)
            heard += filter(None, [file.read(2000).decode("utf-8", "replace").strip()])


def _numpy_state() -> bytes | None:
    numpy = sys.modules.get("numpy.random")
    return None if numpy is None else pickle.dumps(numpy.get_state())


def _importing(one: Wanted) -> Callable[[], object]:
    def step() -> None:
        with suppress(ImportError):  # it may be optional
            __import__(one.module, fromlist=list(one.names))

    return step


def is_installed(module: str) -> bool:
    """False for the user's own modules: each run has its own copy."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    where = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec is not None else []
    homes = tuple({sysconfig.get_paths()[key] + os.sep for key in ("purelib", "platlib")})
    return any(place.startswith(homes) for place in where)


def become(request: Request, stash: Stash) -> None:
    """In the child: be a kernel as `python -m ipykernel_launcher` makes one. Returns when the kernel has ended."""
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    if request.log:
        log = os.open(request.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 2)
        os.close(log)
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    sys.argv = [str(importlib.util.find_spec("ipykernel_launcher").origin), *request.argv]  # type: ignore[union-attr]
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()  # from the system's entropy, as in a new process; Python's own generator does so by itself
    stash.hide()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(request.argv, parent_handle=os.getppid())


def main() -> None:
    """Import, then serve until the sweep has gone, or be a kernel."""
    if sys.path[0] in {"", str(Path.cwd())}:
        del sys.path[0]  # as ipykernel_launcher does; a kernel puts its own folder there
    listener = socket.socket(fileno=int(sys.argv[1]))
    wanted = msgspec.json.decode(sys.argv[2], type=list[Wanted])
    given, stash = dict(os.environ), Stash()
    with _listening():  # a kernel prints at its start where nobody reads it
        for name in [*_OF_A_KERNEL, *(entry.module for entry in plugins.available(plugins.AUTOLOG).values())]:
            importlib.import_module(name)
    of_kernel = {name: value for name, value in os.environ.items() if given.get(name) != value}
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as ipykernel does before the first cell
    fault = load([one for one in wanted if is_installed(one.module)], stash)
    gc.collect()
    gc.freeze()  # children need not look through what never goes, and share it longer
    request = Zygote(listener, given, fault).serve()
    if request is not None:
        request.env |= of_kernel
        become(request, stash)


if __name__ == "__main__":
    main()
