"""How the doors of `doors.py` are watched, without changing what the library's user sees.

Python ≥ 3.12: `sys.monitoring` tells when a listed function starts and returns, and its own frame tells the arguments; nothing
is replaced, so tracebacks, pickles and references that were taken before tracking began are as they were. Functions in C
and Cython, and every door on Python 3.11, are replaced by a wrapper of the same name, signature and documentation, right
after the library's module was executed (`imports.py`), so that the very cell that imports pandas is covered. `remove()` puts
the originals back.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Mapping
from types import CodeType, FrameType, FunctionType, ModuleType, SimpleNamespace

from mlops_jupyter.capture.doors import DOORS, Door
from mlops_jupyter.capture.imports import ImportHooks
from mlops_jupyter.capture.sights import Call, Sights
from mlops_jupyter.capture.unseen import UNSEEN, leave

_TOOL_IDS = (5, 3, 4)  # 0 to 2 are a debugger's, coverage's and a profiler's; 4 and 3 are asked for by `returns.py` first
_CALL = compile("call()", "<a call that looks its caller's variables up>", "eval")
_made: weakref.WeakSet[FunctionType] = weakref.WeakSet()
"""Every wrapper that was made. One that is not our own was left by a removal that failed, and is taken the place of."""


class Readers:
    """Tells `sights` of each call of a door. One per process."""

    def __init__(self, sights: Sights, imports: ImportHooks) -> None:
        self._sights = sights
        self._imports = imports
        self._originals: list[tuple[object, str, object, object]] = []
        self._own: weakref.WeakSet[FunctionType] = weakref.WeakSet()
        self._codes: dict[int, tuple[CodeType, Door]] = {}  # by identity: code objects compare by content
        self._monitoring: SimpleNamespace | None = None
        self._tool = 0

    def install(self) -> None:
        """Watch the doors of what is imported already, and of what will be."""
        self._take_tool()
        for name in DOORS:
            self._imports.after(name, self.wrap)

    def remove(self) -> None:
        """Put everything back as it was."""
        for owner, name, original, wrapper in reversed(self._originals):
            if vars(owner).get(name) is wrapper:  # else somebody patched it since: not ours to undo
                setattr(owner, name, original)
        self._put_back_copies()
        self._originals.clear()
        if self._monitoring is not None:
            for code, _ in self._codes.values():
                self._monitoring.set_local_events(self._tool, code, 0)
            for event in (self._monitoring.events.PY_START, self._monitoring.events.PY_RETURN):
                self._monitoring.register_callback(self._tool, event, None)
            self._monitoring.free_tool_id(self._tool)
            self._monitoring = None
        self._codes.clear()

    def wrap(self, module: ModuleType) -> None:
        """Watch the doors of one module."""
        for path, door in DOORS.get(module.__name__, {}).items():
            owner: object = module
            *classes, name = path.split(".")
            for part in classes:
                owner = getattr(owner, part, None)
            found = getattr(owner, name, None)
            if owner is None or not callable(found) or (type(found) is FunctionType and found in self._own):
                continue
            function = inspect.unwrap(found)
            if self._monitoring is not None and type(function) is FunctionType:
                self._arm(function.__code__, door)
            else:
                self._replace(module, owner, found, door, own_class=bool(classes))

    # by monitoring

    def _take_tool(self) -> None:
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            return
        for tool in _TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "mlops_jupyter files")
                self._monitoring, self._tool = monitoring, tool
                monitoring.register_callback(tool, monitoring.events.PY_START, self._started)
                monitoring.register_callback(tool, monitoring.events.PY_RETURN, self._returned)
                return

    def _arm(self, code: CodeType, door: Door) -> None:
        assert self._monitoring is not None
        events = self._monitoring.events
        self._codes[id(code)] = (code, door)
        self._monitoring.set_local_events(self._tool, code, events.PY_RETURN if door.how in Sights.AFTER else events.PY_START)

    def _started(self, code: CodeType, offset: int) -> None:
        self._tell(code, None)

    def _returned(self, code: CodeType, offset: int, value: object) -> None:
        self._tell(code, value)

    def _tell(self, code: CodeType, result: object) -> None:
        if not self._sights.awake():
            return
        try:
            frame = sys._getframe(2)
            found = self._codes.get(id(code))
            if found is not None and frame.f_code is code:
                self._sights.see(found[1], _FrameCall(frame, found[1]), result)
        except Exception as error:  # noqa: BLE001 (a callback that raised would raise into the user's call)
            self._sights.missed(error)

    # by replacement

    def _replace(self, module: ModuleType, owner: object, found: Callable[..., object], door: Door, *, own_class: bool) -> None:
        original = vars(found)["__wrapped__"] if type(found) is FunctionType and found in _made else found
        wrapper = self._wrapper(original, door)
        _made.add(wrapper)
        self._own.add(wrapper)
        places = [(owner, name) for name, value in list(vars(owner).items()) if value is found] if own_class else [
            (place, name) for place in _exporters(module.__name__, original) for name, value in list(vars(place).items())
            if value is found]
        for place, name in places:
            try:
                setattr(place, name, wrapper)
            except (TypeError, AttributeError):  # a class of C that takes no attributes
                continue
            self._originals.append((place, name, original, wrapper))

    def _wrapper(self, original: Callable[..., object], door: Door) -> FunctionType:
        sights = self._sights
        after = door.how in Sights.AFTER
        before = not after or door.how in Sights.TWICE

        @functools.wraps(original)
        def wrapper(*args: object, **kwargs: object) -> object:
            try:
                if not sights.awake():
                    return _call_as(sys._getframe(1), original, args, kwargs) if door.scans else original(*args, **kwargs)
                call = _ArgumentCall(args, kwargs, door, original)
                if before:
                    sights.try_to_see(door, call, None)
                result = _call_as(sys._getframe(1), original, args, kwargs) if door.scans else original(*args, **kwargs)
                if after:
                    sights.try_to_see(door, call, result)
                return result
            except BaseException as error:
                leave(error, _call_as.__code__, _CALL)
                raise

        wrapper.__code__ = wrapper.__code__.replace(co_filename=UNSEEN)  # type: ignore[attr-defined]
        return wrapper  # type: ignore[return-value]

    def _put_back_copies(self) -> None:
        """Modules of the library that were imported after we came hold the wrapper under their own names."""
        known = {id(wrapper): original for _, _, original, wrapper in self._originals}
        tops = {getattr(original, "__module__", "").partition(".")[0] for original in known.values()}
        for name, module in list(sys.modules.items()):
            if known and name.partition(".")[0] in tops and isinstance(module, ModuleType):
                for key, value in list(vars(module).items()):
                    if id(value) in known:
                        setattr(module, key, known[id(value)])


def _call_as(caller: FrameType, original: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    """Call it from a frame that has the caller's variables, where the function (DuckDB's) looks for tables by name."""
    names, local = caller.f_globals, caller.f_locals
    call = functools.partial(original, *args, **kwargs)
    return eval(_CALL, names, {"call": call} if local is names else {**local, "call": call})  # noqa: S307 (our own constant)


class _ArgumentCall(Call):
    """A call by the arguments that a wrapper was given."""

    def __init__(self, args: tuple[object, ...], kwargs: Mapping[str, object], door: Door, original: object) -> None:
        self.module, self.function = str(getattr(original, "__module__", "")), str(getattr(original, "__name__", ""))
        self.caller = sys._getframe(2)
        self._args, self._kwargs, self._door = args, kwargs, door

    def get(self, name: str, offset: int = 0) -> object:
        place = self._door.position + offset
        return self._kwargs[name] if name in self._kwargs else self._args[place] if 0 <= place < len(self._args) else None


class _FrameCall(Call):
    """A call by the variables of the function that was called, which begin with its parameters."""

    def __init__(self, frame: FrameType, door: Door) -> None:
        self.module, self.function, self.caller = str(frame.f_globals.get("__name__")), frame.f_code.co_name, frame.f_back
        self._variables, self._door, self._named = frame.f_locals, door, frame.f_code.co_varnames[:frame.f_code.co_argcount]

    def get(self, name: str, offset: int = 0) -> object:
        if name in self._variables:
            return self._variables[name]
        args, kwargs = self._variables.get("args"), self._variables.get("kwargs")  # a function that only hands them on
        if type(kwargs) is dict and name in kwargs:
            return kwargs[name]
        place = self._door.position + offset
        if 0 <= place < len(self._named):  # the library has another name for it in this version
            return self._variables.get(self._named[place])
        place -= len(self._named)
        return args[place] if type(args) is tuple and 0 <= place < len(args) else None


def _exporters(name: str, original: object) -> list[ModuleType]:
    """The module, the one that the function says it is of (pickles look there), and the packages above, as far as loaded."""
    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)] + [str(getattr(original, "__module__", ""))]
    return [module for module in map(sys.modules.get, dict.fromkeys(names)) if module is not None]
