"""Objects that notice every look: 25 types, each with 40 and more special methods that note who called them.

The cells that hold them are played in a shell twice, plain and tracked. What the cells and IPython themselves call is the same in
both; a call with a frame of ours below the cell's is a failure, and so is one more or one less than without tracking.

    python tests/proofs/booby_traps.py
"""

# ruff: noqa: E501 (tables of cells, one line each)
from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])

import contextlib
import io
import tempfile
from collections import Counter
from dataclasses import dataclass

from mlops_jupyter.capture import ipython
from mlops_jupyter.config import Settings
from tests.unit.capture.notebook_player import fresh_shell, without_scan, world

METHODS = ["eq", "ne", "lt", "le", "gt", "ge", "hash", "repr", "str", "bytes", "format", "bool", "len", "iter", "next", "contains", "getitem", "setitem", "delitem", "getattr", "call", "int", "float", "index", "complex", "add", "radd", "iadd", "mul", "matmul", "enter", "exit", "reduce", "reduce_ex", "getstate", "copy", "deepcopy", "sizeof", "dir", "fspath", "length_hint", "reversed", "missing", "await", "aiter", "anext", "array", "array_interface", "array_function", "array_ufunc", "dataframe", "arrow_c_stream", "dlpack", "torch_function", "sklearn_tags", "instancecheck", "subclasscheck", "mro_entries"]
SHOWN = ["_repr_html_", "_repr_mimebundle_", "_ipython_display_", "_repr_png_", "keys", "values", "items", "get_params", "to_pandas", "shape",
         "dtype", "columns", "tolist", "get_figure", "savefig", "fit", "predict"]

TYPES = """
import abc, collections, dataclasses, datetime, enum, functools, pathlib, sys, types, typing, weakref
import numpy as np, pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
calls, armed = [], [False]

def note(kind, name):
    frame, ours = sys._getframe(2), ''
    while frame is not None and not any(part in frame.f_code.co_filename for part in ('ipython-input', 'ipykernel_', '/IPython/', '/ipykernel/')):
        if 'mlops_jupyter' in frame.f_code.co_filename:
            ours = ours or f'{frame.f_code.co_filename.rsplit("/", 1)[1]}:{frame.f_code.co_name}:{frame.f_lineno}'
        frame = frame.f_back
    calls.append((kind, name, ours))

def trap(kind, name, base):
    original = getattr(base, name, None)
    def method(*args, **kwargs):
        if armed[0]:
            note(kind, name)
        if original is None or name == '__getattr__':
            raise AttributeError(name)
        return original(*args, **kwargs)
    method.__name__ = name
    return method

def arm(cls, keep=()):
    for name in [f'__{n}__' for n in METHODS] + SHOWN:
        if name not in keep and name != '__class__':
            try:
                setattr(cls, name, trap(cls.__name__, name, cls.__mro__[1] if len(cls.__mro__) > 1 else object))
            except (AttributeError, TypeError):
                pass
    return cls

class Plain: pass
class Slots: __slots__ = ('a', '__weakref__')
class D(dict): pass
class L(list): pass
class S(str): pass
class I(int): pass
class F(float): pass
class T(tuple): pass
class B(bytes): pass
class Se(set): pass
class Fr(frozenset): pass
class Arr(np.ndarray): pass
class Frame(pd.DataFrame): pass
class Ser(pd.Series): pass
class Color(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Data:
    a: int = 1
Named = collections.namedtuple('Named', 'a b')
class Nt(Named): pass
class Meta(type): pass
class WithMeta(metaclass=Meta): pass
class Mod(types.ModuleType): pass
class Err(Exception): pass
class It(collections.abc.Iterator):
    def __next__(self): raise StopIteration
class Map(collections.abc.Mapping):
    def __getitem__(self, k): raise KeyError(k)
    def __iter__(self): return iter(())
    def __len__(self): return 0
class Desc:
    def __get__(self, o, t=None):
        if armed[0]: note('Desc', '__get__')
        return 5
    def __set__(self, o, v): pass
class Prop(property): pass
class Abstract(abc.ABC): pass
class Concrete(Abstract): pass
class Proto(typing.Protocol): pass
class ProtoImpl(Proto): pass
class Pyd:
    __fields__ = {'a': int}; model_fields = {'a': int}
    def __init__(self): self.__dict__['a'] = 1
class Part(functools.partial): pass
class Od(collections.OrderedDict): pass
class Dq(collections.deque): pass
class Est(BaseEstimator):
    def __init__(self, a=1): self.a = a
class Lin(LinearRegression): pass
class When(datetime.datetime): pass
class Liar:
    @property
    def __class__(self):
        if armed[0]: note('Liar', '__class__')
        return dict
class Every:
    def __getattribute__(self, name):
        if armed[0]: note('Every', name)
        return object.__getattribute__(self, name)

made = {
    'plain': Plain(), 'slots': Slots(), 'dict': D(a=1), 'list': L([1]), 'str': S('text'), 'int': I(5), 'float': F(1.5), 'tuple': T((1, 2)), 'bytes': B(b'x'),
    'set': Se({1}), 'frozenset': Fr({1}), 'ndarray': np.arange(3).view(Arr), 'frame': Frame({'a': [1]}), 'series': Ser([1]), 'enum': Color.RED,
    'dataclass': Data(), 'namedtuple': Nt(1, 2), 'meta instance': WithMeta(), 'class': WithMeta, 'module': Mod('mod'), 'exception': Err('x'),
    'iterator': It(), 'mapping': Map(), 'descriptor': Desc(), 'property': Prop(lambda s: 1), 'abc': Concrete(), 'protocol': ProtoImpl(), 'pydantic-like': Pyd(),
    'partial': Part(len), 'ordered dict': Od(a=1), 'deque': Dq([1]), 'estimator': Est(), 'linear model': Lin(), 'datetime': When(2024, 1, 1), 'liar': Liar(), 'every': Every(),
}
for kind in (Plain, Slots, D, L, S, I, F, T, B, Se, Fr, Data, Nt, WithMeta, Mod, Err, It, Map, Desc, Prop, Concrete, ProtoImpl, Pyd, Part, Od, Dq, When, Liar):
    arm(kind)
arm(Meta, keep=('__call__',))
arm(Arr, keep=('__getattr__',)); arm(Frame, keep=('__getattr__', '__len__')); arm(Ser, keep=('__getattr__', '__len__')); arm(Est, keep=('__getattr__',)); arm(Lin, keep=('__getattr__',))
Color.__eq__ = trap('Color', '__eq__', enum.Enum); Color.__hash__ = trap('Color', '__hash__', enum.Enum); Color.__repr__ = trap('Color', '__repr__', enum.Enum); Color.__str__ = trap('Color', '__str__', enum.Enum)
"""

CELLS = [
    "a = made[KIND]", "b = a", "c = [a]", "d = {'k': a}", "e = (a, 1)", "f = {'n': {'m': [a]}}", "None if a is None else None",
    "def fun(x=a, *, y=a):\n    return x", "_r = fun();", "g = lambda: a", "_r = g();", "def outer():\n    inner = a\n    def closure():\n        return inner\n    return closure",
    "h = outer()", "_r = h();", "class Holder:\n    attr = a\n    def __init__(self):\n        self.own = a", "i = Holder()", "i.more = a", "_r = i.own;", "import functools\nj = functools.partial(print, a)",
    "def gen():\n    held = a\n    yield 1\n    yield held", "k = gen()", "next(k)", "m = [x for x in [a]]", "import weakref\ntry:\n    n = weakref.ref(a)\nexcept TypeError:\n    n = None", "import copy as _copy, collections\no = collections.deque([a])",
    "import numpy as np\np = np.empty(2, dtype=object)\np[0] = [a]", "import pandas as pd\nq = pd.DataFrame({'z': [1, 2]})\nq.attrs['held'] = a", "s = pd.Series([[a], [a]], dtype=object)", "s.iloc[0].append(a)",
    "import types\nt = types.SimpleNamespace(x=a)", "c.append(a)", "c.pop();", "d['again'] = a", "exec('u = a')", "globals()['v'] = a", "def fails():\n    local = a\n    raise ValueError('x')", "fails()",
    "class MyError(Exception):\n    pass\nw = MyError(a)", "%%time\nx = a", "%%capture\ny = a", "for z in [a]:\n    pass", "try:\n    raise KeyError('q')\nexcept KeyError:\n    aa = a", "from sklearn.base import BaseEstimator\nclass E(BaseEstimator):\n    def __init__(self, p=None):\n        self.p = p",
    "bb = E(p=a)", "from sklearn.preprocessing import FunctionTransformer\ncc = FunctionTransformer(kw_args={'x': a})\ncc.fit([[1.0]]);", "a, dd = a, a", "del b", "ee = a; a = None", "a = ee", "f['n']['m'].append(a)", "ff = type(a)", "import sys\ngg = sys._getframe()\ndel gg",
    "async def co():\n    held = a\n    return 1", "await co()", "hh = iter([a])", "ii = zip([a], [a])", "jj = slice(a, a)", "kk = property(lambda self: a)", "ll = staticmethod(lambda: a)", "import threading\nmm = threading.local()\nmm.x = a", "nn = classmethod(fun)", "made.get(KIND) is a", "try:\n    sys.stdout.write(a)\nexcept TypeError:\n    pass",
]


@dataclass
class Sprung:
    """`calls`: by type, cell and method; `ours`: by us; `trouble`: what went wrong with tracking itself; `types`: how many there were."""

    calls: Counter[tuple[str, int, str, str]]
    ours: list[str]
    trouble: list[str]
    types: int


def traps_sprung(folder: Path, *, track: bool, every: int = 1) -> Sprung:
    """Play the cells with an object of each type, or of every so many."""
    found: Counter[tuple[str, int, str, str]] = Counter()
    ours: list[str] = []
    trouble: list[str] = []
    with world(folder), without_scan():
        shell = fresh_shell()
        shell.user_ns.update(METHODS=METHODS, SHOWN=SHOWN)
        result = shell.run_cell(TYPES)
        assert result.success, result.error_in_exec
        calls, armed = shell.user_ns["calls"], shell.user_ns["armed"]
        if track:
            Settings.current().hash_wait = 0.0  # every cell can touch every class here: none waits for what is still being read
            ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
        try:
            kinds = list(shell.user_ns["made"])[::every]
            for kind in kinds:
                shell.user_ns["KIND"] = kind
                for number, cell in enumerate(CELLS):
                    armed[0] = True
                    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                        shell.run_cell(cell, store_history=True)
                    armed[0] = False
                    for name, method, place in calls:
                        found[kind, number, name, method] += 1
                        if place:
                            ours.append(f"{kind}: {name}.{method} by {place} in {cell[:40]!r}")
                    calls.clear()
            tracking = ipython.current()
            if track:
                assert tracking is not None, "tracking stopped itself"
                status = tracking.status()
                trouble = [note for note in status.notes if "failed" in note]
                assert status.executions >= len(CELLS) * len(kinds)
        finally:
            ipython.stop()
    return Sprung(found, ours, trouble, len(shell.user_ns["made"]))


def compared(place: Path, every: int = 1) -> tuple[Sprung, Sprung, list[str]]:
    """(plain, tracked, what is wrong)."""
    plain = traps_sprung(place / "plain", track=False, every=every)
    tracked = traps_sprung(place / "tracked", track=True, every=every)
    keys = sorted(plain.calls.keys() | tracked.calls.keys())
    unlike = [f"{key}: {plain.calls[key]} calls, tracked {tracked.calls[key]}" for key in keys if plain.calls[key] != tracked.calls[key]]
    return plain, tracked, [*dict.fromkeys(tracked.ours), *unlike, *tracked.trouble]


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        plain, tracked, wrong = compared(Path(place))
    print(f"{len(METHODS) + len(SHOWN)} methods on each of {plain.types} types, {len(CELLS)} cells with each: {sum(plain.calls.values())} calls plain, "
          f"{sum(tracked.calls.values())} tracked, {len(tracked.ours)} by us, {len(tracked.trouble)} failures of ours; Python {sys.version.split()[0]}")
    for line in wrong[:60]:
        print("  ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
