"""Training loops in the user's cells: a network that an optimizer steps is a model.

The first step of an optimizer in a cell is looked at: which network of the caller's names holds its parameters, which lists the
loop collects losses in. Every further step is only counted. What the lists hold when the cell has ended is a series; a loss
that no list collects is one number, where it is still to be found under its name. No tensor on an accelerator is waited for.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mlops_jupyter.capture.autolog.table import names_in, watch
from mlops_jupyter.capture.autolog.telling import Teller
from mlops_jupyter.capture.autolog.torch_loops import Collected, Loop, read_loop
from mlops_jupyter.capture.autolog.words import number, plain, thinned
from mlops_jupyter.capture.observer import Draft, Names, ObservedCall, Observer
from mlops_jupyter.capture.sites import resolve
from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.fingerprint.types.instances import attributes

ROWS = {"torch.optim.optimizer:Optimizer.step": "stepped"}
NAMES = names_in(ROWS)
ONLY_WITH = {"step": "backward"}  # an environment that is stepped a million times is no optimizer
_WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel", "OptimizedModule", "FullyShardedDataParallel"})


def attach(observer: Observer) -> None:
    """Begin to observe. Called once torch is in `sys.modules`."""
    readers = _Readers(Teller(observer))
    # torch's decorators (`no_grad`) stand around functions of the user; a scaler or a trainer may make the step
    watch(observer, "torch", ROWS, readers, encloses=False, through=lambda frame: True, counted=readers.counted,
          ended=readers.ended)


@dataclass(slots=True)
class _Training:
    """One optimizer in one cell. Until its first step was told of, `key` is empty."""

    optimizer: weakref.ref[object]
    steps: int = 1
    key: str = ""
    call: ObservedCall | None = None
    lists: list[tuple[str, list[object], int]] = field(default_factory=list)
    losses: tuple[str, ...] = ()
    names: Mapping[str, object] = field(default_factory=dict)


class _Readers:
    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._trainings: dict[int, _Training] = {}

    def counted(self, optimizer: object) -> bool:
        """Count the step of an optimizer that is known in this cell; a new one's first step is to be told of."""
        known = self._trainings.get(id(optimizer))
        if known is not None and known.optimizer() is optimizer:
            known.steps += 1
            return True
        if _is_a(optimizer, "torch.optim.optimizer", "Optimizer"):
            self._trainings[id(optimizer)] = _Training(weakref.ref(optimizer))
        return False

    def stepped(self, call: ObservedCall) -> None:
        """The first `optimizer.step()` of this optimizer in this cell."""
        optimizer = call.arguments["self"]
        training = self._trainings.get(id(optimizer))
        if training is None or training.key or call.names is None:
            return
        groups = [group for group in _list(attributes(optimizer).get("param_groups")) if isinstance(group, dict)]
        ids = {id(each) for group in groups for each in _list(group.get("params"))}
        networks = list(_networks(call.names, ids))
        network = networks[0] if networks else optimizer
        given, shown = _params(optimizer, groups)
        size = sum(each.numel() for group in groups for each in _list(group.get("params")))  # type: ignore[attr-defined]
        training.key = self._teller.model(call, Draft(
            kind="model", name=type(network).__name__, subject=network, params=given, shown=shown,
            details={"trained_parameters": str(size)}, later=lambda: {"steps": str(training.steps)},
        ), [*networks[1:], optimizer])  # fmt: skip
        if call.loop is not None:
            self._collect(training, call, read_loop(call.loop, tuple(_names_of(call.names, networks))), call.names)

    def _collect(self, training: _Training, call: ObservedCall, loop: Loop, names: Names) -> None:
        """Remember the lists, and how much of them was there before this cell; not the frame, which may hold large things."""
        training.call = _without_objects(call)
        for each in loop.collected:
            held = resolve(each.node, names, {})
            if isinstance(held, list) and type(held) is list:
                training.lists.append((each.name, held, max(0, len(held) - _came_before(each, call))))
        training.losses, training.names = loop.losses, names.outer

    def ended(self) -> None:
        """The cell has ended: its series, then nothing is held any more."""
        trainings, self._trainings = self._trainings, {}
        for training in trainings.values():
            if training.key and training.call is not None:
                self._tell(training, training.call)

    def _tell(self, training: _Training, call: ObservedCall) -> None:
        told = False
        for name, held, start in training.lists:
            points, note = thinned(held[start:])
            values = [number(each) for each in points if _is_at_hand(each)]
            if len(values) == len(points) and all(value is not None for value in values):
                series = [float(value) for value in values if value is not None]
                self._teller.points(call, series, name, training.key, len(held) - start, note)
                told = told or bool(series)
        for name in () if told else training.losses:
            value = training.names.get(name)
            if _is_at_hand(value):
                self._teller.fact(call, value, name, training.key)


def _is_a(value: object, module: str, name: str) -> bool:
    base = getattr(sys.modules.get(module), name, None)
    return isinstance(base, type) and issubclass(type(value), base)


def _is_at_hand(value: object) -> bool:
    """A number, or a tensor whose number need not be fetched from an accelerator."""
    is_tensor = type(value).__module__ == "torch" and type(value).__name__ == "Tensor"
    return not is_tensor or value.device.type == "cpu"  # type: ignore[attr-defined]


def _list(value: object) -> list[object]:
    return value if type(value) is list else []


def _networks(names: Names, ids: set[int]) -> Iterator[object]:
    """Modules among the names (and one step inside `self`) that hold these parameters; the whole network first, no wrapper."""
    found: dict[int, tuple[int, bool, int, object]] = {}
    for value in _candidates(names):
        if id(value) not in found and _is_a(value, "torch.nn.modules.module", "Module"):
            own = set(_parameters(value))
            if own & ids:
                found[id(value)] = (-len(own & ids), type(value).__name__ in _WRAPPERS, -len(own), value)
    for *_, value in sorted(found.values(), key=lambda each: each[:3]):
        yield value


def _candidates(names: Names) -> Iterator[object]:
    yield from (value for _, value in names.items())
    owner = names.lookup("self")
    yield from attributes(owner).values() if type(owner).__module__ != "builtins" else ()


def _parameters(module: object) -> Iterator[int]:
    """Ids of a module's parameters, and its parts', read where torch keeps them."""
    waiting = [module]
    while waiting:
        own = attributes(waiting.pop())
        held, parts = own.get("_parameters"), own.get("_modules")
        yield from (id(each) for each in (held.values() if isinstance(held, dict) else ()) if each is not None)
        waiting += [each for each in (parts.values() if isinstance(parts, dict) else ()) if each is not None]


def _names_of(names: Names, networks: Iterable[object]) -> Iterator[str]:
    known = {id(each) for each in networks}
    yield from (name for name, value in names.items() if id(value) in known)


def _params(optimizer: object, groups: list[dict[str, object]]) -> tuple[dict[str, Scalar], list[str]]:
    """The optimizer's class and settings as they were when the loop began, and those that are not at their default."""
    own = attributes(optimizer).get("defaults")
    settings: dict[str, object] = dict(own) if isinstance(own, dict) else {}
    if groups:
        settings |= {name: value for name, value in groups[0].items() if name in settings}
        settings["lr"] = groups[0].get("initial_lr", groups[0].get("lr"))
    known = {name: plain(value) for name, value in settings.items()}
    usual = inspect.signature(type(optimizer)).parameters
    shown = [name for name, value in known.items() if name == "lr" or (name in usual and plain(usual[name].default) != value)]
    return {"optimizer": type(optimizer).__name__} | known, ["optimizer", *shown]


def _came_before(each: Collected, call: ObservedCall) -> int:
    """1 where the loop appends before it steps: one value of this cell is in the list by the first step."""
    return int(each.line < call.site.line)


def _without_objects(call: ObservedCall) -> ObservedCall:
    """The call's place only, to be held until the cell ends."""
    return ObservedCall(function=call.function, callable=call.callable, arguments={}, result=None, site=call.site,
                        loop_key=call.loop_key)


