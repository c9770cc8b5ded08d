"""Code of the user's that runs beside cells or between them: threads, tasks and timers of the event loop, callbacks of widgets.

Nobody tells when such code runs, but what it could change is known, because what waits holds its code and its variables. Before
and after each cell these roots are followed like the names of a cell, and what they reach is compared. Where nothing of the
user's waits, which is nearly always, looking costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import cast

from mlops_jupyter.capture.kinds import is_a, is_any
from mlops_jupyter.fingerprint.types.instances import attributes, is_local_module
from mlops_jupyter.fingerprint.types.references import finalizers
from mlops_jupyter.fingerprint.types.threading import MACHINERY as MACHINERY_OF_THREADS
from mlops_jupyter.fingerprint.walk import module_of

_OURS = "mlops-"
"""How the names of our own threads begin."""
MACHINERY = frozenset({"ipykernel", "tornado", "zmq", "jupyter_client", "IPython", "asyncio", "_asyncio", "comm", "anyio",
                       "mlops_jupyter", "traitlets", "ipywidgets", "prompt_toolkit", "nest_asyncio", "uvloop"})
"""Packages that run the kernel: what their own tasks and objects hold is not the user's."""
_LOKY = "joblib.externals.loky."
_PLUMBING = frozenset({"threading", "queue", "concurrent.futures.thread", "concurrent.futures.process", "selectors", "socket",
                       "multiprocessing.pool", "multiprocessing.connection", "multiprocessing.queues",
                       _LOKY + "process_executor", _LOKY + "backend.queues", _LOKY + "reusable_executor"})
"""Modules whose functions wait in threads for something to do."""
_MANAGERS = frozenset({"concurrent.futures.process", _LOKY + "process_executor"})
"""Their threads hand work to processes, which cannot reach the notebook, and call back when it is done."""
_WAITING = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


class Background:
    """Looks for what waits. Threads that lived when the session began are the kernel's."""

    def __init__(self) -> None:
        self._kernels = frozenset(thread.ident for thread in threading.enumerate())

    def roots(self, held: Callable[[], Collection[int]] = frozenset) -> list[object]:
        """Values through which code that runs by itself could change the user's: never kept, only followed.

        `held()`: ids of what the notebook's names hold; asked for only where it matters.
        """
        found = [*self._of_threads(), *_of_loop()]
        for function, *given in finalizers():  # run when their object goes, in whatever cell that is
            if _is_own(function, held):
                found += [function, *given]
        comm = sys.modules.get("comm")
        if comm is not None:
            found.extend(_of_comms(comm))
        return found

    def _of_threads(self) -> Iterator[object]:
        own = threading.get_ident()
        frames: dict[int, types.FrameType] | None = None
        for thread in threading.enumerate():
            if thread.ident in self._kernels or thread.ident == own or thread.name.startswith(_OURS):
                continue
            if _root(type(thread)) in MACHINERY:
                continue
            yield from _of_thread(thread)
            frames = sys._current_frames() if frames is None else frames
            frame = frames.get(thread.ident or 0)
            while frame is not None:
                home = frame.f_globals.get("__name__")
                if home not in _PLUMBING and str(home).partition(".")[0] not in MACHINERY:
                    yield _Running(frame.f_code, frame.f_globals)
                    yield from _variables(frame)
                frame = frame.f_back


def _of_thread(thread: threading.Thread) -> Iterator[object]:
    """What a thread was given to run, and what its own class adds."""
    own = attributes(thread)
    if module_of(type(thread)) in _MANAGERS:
        waiting = own.get("pending_work_items")
        for item in list(waiting.values()) if type(waiting) is dict else ():
            yield from attributes(attributes(item).get("future")).get("_done_callbacks") or ()  # type: ignore[misc]
        return
    feeds, given = own.get("_target"), own.get("_args")
    if is_a(feeds, types.FunctionType) and feeds.__name__ == "_feed" and feeds.__module__ in _PLUMBING and type(given) is tuple:
        yield from list(given[0]) if given and type(given[0]) is deque else ()  # what waits to be pickled there
        return
    yield type(thread)
    for name, value in own.items():
        if name not in MACHINERY_OF_THREADS:
            yield value


class _Running:
    """A frame on the stack of a running thread, as a function is: its code and its globals."""

    __slots__ = ("code", "scope")

    def __init__(self, code: types.CodeType, scope: dict[str, object]) -> None:
        self.code = code
        self.scope = scope


def running(value: object) -> tuple[types.CodeType, dict[str, object]] | None:
    """Code and globals of a frame that runs in another thread, None for any other value."""
    return (value.code, value.scope) if type(value) is _Running else None


def _variables(frame: types.FrameType) -> list[object]:
    """The variables of a running function. The copy that Python < 3.13 makes of them is emptied: it would keep them alive."""
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return []  # a module's or a class's own scope: its code says what it uses
    variables = frame.f_locals
    values = [value for value in variables.values() if not is_a(value, threading.Thread)]
    if sys.version_info < (3, 13):
        variables.clear()
    return values


def _of_loop() -> Iterator[object]:
    """Coroutines of tasks, and callbacks that are due, of the running loop."""
    loop = asyncio._get_running_loop()
    if loop is None:
        return
    current = asyncio.current_task(loop)
    for task in asyncio.all_tasks(loop):
        waiting = task.get_coro()
        if task is not current and _is_users(waiting):
            yield waiting
    for handle in [*getattr(loop, "_ready", ()), *getattr(loop, "_scheduled", ())]:
        called = [getattr(handle, "_callback", None), *(getattr(handle, "_args", None) or ())]
        if any(map(_is_users, called)):
            yield from called


def _root(cls: type) -> str:
    return module_of(cls).partition(".")[0]


def _is_users(value: object) -> bool:
    """False if what is called first belongs to the kernel's machinery, and calls nothing else."""
    while is_any(value, _WAITING):
        if not _is_machinery(cast("types.CoroutineType[object, object, object]", value)):
            return True
        value = getattr(value, "cr_await", None) or getattr(value, "gi_yieldfrom", None) or getattr(value, "ag_await", None)
    while is_a(value, functools.partial):
        value = value.func
    if is_a(value, types.MethodType):
        return _root(type(value.__self__)) not in MACHINERY
    if is_a(value, types.FunctionType):
        return (value.__module__ or "").partition(".")[0] not in MACHINERY
    if is_a(value, types.BuiltinFunctionType):
        return _root(type(value.__self__)) not in MACHINERY
    return False


def _is_own(function: object, held: Callable[[], Collection[int]]) -> bool:
    """True for a function of the notebook's or of the user's modules, and for a method of what a name of the notebook holds."""
    while is_a(function, functools.partial):
        function = function.func
    if is_a(function, types.FunctionType):
        return type(function.__module__) is str and is_local_module(function.__module__)
    if is_a(function, types.MethodType):
        return is_local_module(module_of(type(function.__self__)))
    if not is_a(function, types.BuiltinFunctionType) or module_of(type(function.__self__)) not in {"builtins", "collections"}:
        return False
    return id(function.__self__) in held()


def _is_machinery(waiting: types.CoroutineType[object, object, object]) -> bool:
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(waiting, name, None)
        if frame is not None:
            home = frame.f_globals.get("__name__")
            return type(home) is str and home.partition(".")[0] in MACHINERY
    return True  # it has ended


def _of_comms(comm: types.ModuleType) -> Iterable[object]:
    """The callbacks of open comms: a widget's are those that its events and traits call."""
    manager = getattr(comm.create_comm, "__self__", None) or _manager(comm)
    for one in list(getattr(manager, "comms", {}).values()):
        own = attributes(one)
        for name in ("_msg_callback", "_close_callback"):
            callback = own.get(name)
            if callback is not None:
                yield from _called_by(callback)


def _manager(comm: types.ModuleType) -> object:
    get: Callable[[], object] | None = getattr(comm, "get_comm_manager", None)
    return None if get is None else get()


def _called_by(callback: object) -> Iterator[object]:
    """The callback itself; of a widget's own method the functions that the user registered with the widget."""
    if not is_a(callback, types.MethodType) or _root(type(callback.__self__)) not in MACHINERY:
        yield callback
        return
    own = attributes(callback.__self__)
    notifiers = own.get("_trait_notifiers")
    if type(notifiers) is dict:
        for kinds in notifiers.values():
            for handlers in kinds.values() if type(kinds) is dict else ():
                yield from filter(_is_users, list(handlers))
    for value in own.values():
        handlers = attributes(value).get("callbacks") if module_of(type(value)).startswith("ipywidgets") else None
        if type(handlers) is list:
            yield from handlers
