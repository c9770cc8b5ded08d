"""What a cell did to the namespace: aliases, views, closures, helpers' globals. Too large is allowed, too small never."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from mlops_jupyter.capture.difference import Difference
from mlops_jupyter.capture.names import analyse
from mlops_jupyter.capture.namespace import Namespace

transform = TransformerManager().transform_cell


class Notebook:
    """Cells run one after the other in one namespace."""

    def __init__(self) -> None:
        self.ns: dict[str, object] = {"__name__": "__main__", "np": np, "pd": pd}
        self.watch = Namespace(self.ns)

    def run(self, source: str) -> Difference:
        names = analyse(transform(source), transform)
        before = self.watch.before(names)
        completed = True
        try:
            exec(compile(source, "<cell>", "exec"), self.ns)
        except ZeroDivisionError:
            completed = False
        return self.watch.after(before, names, completed=completed, prompt=None)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


def writes(difference: Difference) -> dict[str, str]:
    return {write.name: write.how for write in difference.writes}


def reads(difference: Difference) -> dict[str, str]:
    return {read.name: read.via for read in difference.reads}


@pytest.mark.parametrize(
    ("setup", "cell", "expected"),
    [
        ("", "x = 1", {"x": "created"}),
        ("x = 1", "x = 2", {"x": "rebound"}),
        ("x = 1", "x = 1", {"x": "rebound"}),
        ("x = [1]", "x.append(2)", {"x": "mutated"}),
        ("x = [1]", "len(x)", {}),
        ("x = [1]", "x += [2]", {"x": "rebound"}),
        ("x = [1]; y = x", "y.append(2)", {"x": "mutated", "y": "mutated"}),
        ("x = [1]; d = {'k': x}", "d['k'].append(2)", {"x": "mutated", "d": "mutated"}),
        ("x = [1]; t = (x,)", "x.append(1)", {"x": "mutated", "t": "mutated"}),
        ("a = np.zeros(9); v = a[2:5]", "v[:] = 1", {"a": "mutated", "v": "mutated"}),
        ("a = np.zeros(9); v = a[2:5]; w = a[6:]", "v[:] = 1", {"a": "mutated", "v": "mutated"}),
        ("df = pd.DataFrame({'q': [1, 2]})", "df['r'] = df.q", {"df": "mutated"}),
        ("df = pd.DataFrame({'q': [1, 2]}); s = df", "s.loc[0, 'q'] = 9", {"df": "mutated", "s": "mutated"}),
        ("df = pd.DataFrame({'q': [1, 2]})", "df.head(1); df.describe()", {}),
        ("df = pd.DataFrame({'q': [1.0, 2.0]})", "df.loc[0, 'q'] = 5", {"df": "mutated"}),
        ("import itertools; g = iter([1, 2, 3])", "next(g)", {"g": "maybe"}),
        ("class A: pass\na = A(); a.x = 1", "a.x = 2", {"a": "mutated"}),
        ("class A: pass", "A.k = 1", {"A": "mutated"}),
        ("", "np.extra = 1; del np.extra", {"np": "maybe"}),
        ("s = {1}", "s.add(2)", {"s": "mutated"}),
        ("def f():\n    global z\n    z = 5", "f()", {"z": "created"}),
        ("def f(acc=[]):\n    acc.append(1)", "f()", {"f": "mutated"}),
        ("store = []\ndef f():\n    store.append(1)", "f()", {"store": "mutated"}),
        ("store = []\ndef make(a):\n    def inner():\n        a.append(1)\n    return inner\nf = make(store)", "f()",
         {"store": "mutated", "f": "mutated"}),
        ("def f():\n    return 1\ndef g():\n    return 2", "f.__code__ = g.__code__", {"f": "mutated"}),
        ("import weakref\nclass A: pass\na = A(); w = weakref.ref(a)", "a.x = 1", {"a": "mutated", "w": "mutated"}),
        ("import weakref\nclass A: pass\na = A(); w = weakref.ref(a)", "w().x = 1", {"a": "mutated", "w": "mutated"}),
        ("import weakref\nclass A: pass\na = A(); p = weakref.proxy(a)", "p.x = 1", {"a": "mutated", "p": "mutated"}),
        ("import weakref\nclass A: pass\nl = [1]; a = A(); p = weakref.proxy(a); a.l = l", "l.append(2)",  # oracle.py, 11000211
         {"a": "mutated", "l": "mutated", "p": "mutated"}),
        ("import weakref\nclass A: pass\na = A(); d = weakref.WeakValueDictionary(k=a)", "a.x = 1",
         {"a": "mutated", "d": "maybe"}),
        ("import weakref\nclass A: pass\na = A(); rows = []; weakref.finalize(a, rows.append, 1)", "del a", {"rows": "mutated"}),
        ("import weakref\nclass A: pass\na = A(); rows = []; end = weakref.finalize(a, rows.append, 1)", "end()",
         {"rows": "mutated", "end": "mutated"}),
        ("import copy\nclass A: pass\na = A()", "b = copy.copy(a)", {"b": "created"}),
        ("import copy\nrows = []; copy.kept = rows", "copy.kept.append(1)", {"rows": "mutated"}),
        ("def made():\n    class A: pass\n    return A()\na = made()", "a.__class__.k = 1", {"a": "mutated"}),
        ("import weakref\ndef made():\n    class A: pass\n    return A()\na = made(); w = weakref.ref(a)", "a.__class__.k = 1",
         {"a": "mutated", "w": "mutated"}),
        ("import random; seed = random.seed", "random.random()", {}),
        ("import contextlib\nd = {}; stack = contextlib.ExitStack(); stack.callback(lambda: d.update(x=1))", "stack.close()",
         {"d": "mutated", "stack": "maybe"}),
        ("import collections\nrows = []; od = collections.OrderedDict(f=lambda: rows.append(1))", "od['f']()",
         {"rows": "mutated"}),
        ("import contextvars\nv = contextvars.ContextVar('v', default=[]); v.set([3]); l = v.get()", "v.get().append(2)",
         {"v": "maybe", "l": "mutated"}),  # oracle.py, 20000273
        ("import contextvars\nv = contextvars.ContextVar('v'); l = [1]; v.set(l); c = contextvars.copy_context()",
         "c[v].append(2)", {"v": "maybe", "c": "maybe", "l": "mutated"}),
        ("import contextvars\nv = contextvars.ContextVar('v'); l = [1]; v.set(l); t = v.set(2)", "t.old_value.append(2)",
         {"t": "maybe", "v": "maybe", "l": "mutated"}),
        ("a = np.arange(3.0); it = np.nditer(a, op_flags=['readwrite'])", "it[0] = 2",  # oracle.py, 20000265
         {"a": "mutated", "it": "maybe"}),
        ("a = np.arange(3.0); it = np.nditer(a); it.close()", "x = it", {"x": "created", "it": "maybe"}),
    ],
)
def test_writes(notebook: Notebook, setup: str, cell: str, expected: dict[str, str]) -> None:
    notebook.run(setup)
    found = writes(notebook.run(cell))
    assert found == expected


def test_values_from_before_tracking_are_compared_too() -> None:
    notebook = Notebook()
    notebook.ns["old"] = [1]
    notebook.ns["alias"] = notebook.ns["old"]
    notebook.watch = Namespace(notebook.ns)
    assert writes(notebook.run("len(old)")) == {}
    assert writes(notebook.run("alias.append(2)")) == {"old": "mutated", "alias": "mutated"}


def test_opaque_cells_touch_everything(notebook: Notebook) -> None:
    notebook.run("x = [1]\ny = [2]")
    difference = notebook.run("exec('x.append(1)')")
    assert writes(difference) == {"x": "mutated"}
    assert difference.opaque == ["exec()"]
    assert writes(notebook.run("globals().update(z=1, y=[5])")) == {"z": "created", "y": "rebound"}


def test_helpers_bring_their_globals(notebook: Notebook) -> None:
    notebook.run("k = 2\ndef inner(x):\n    return x * k\ndef outer(x):\n    return inner(x)")
    assert reads(notebook.run("y = outer(3)")) == {"outer": "", "inner": "outer", "k": "outer"}
    assert reads(notebook.run("z = list(map(outer, [1]))")) == {"outer": "", "inner": "outer", "k": "outer"}


@pytest.mark.parametrize(
    "setup",
    [
        "import functools\nf = functools.partial(lambda a, b: a + b + k, 1)",
        "class C:\n    def __call__(self, x):\n        return x + k\nf = C()",
        "class C:\n    def m(self, x):\n        return x + k\nf = C().m",
        ("import functools\ndef deco(g):\n    @functools.wraps(g)\n    def w(x):\n        return g(x)\n    return w\n"
        "@deco\ndef f(x):\n    return x + k"),
        "def make():\n    def g(x):\n        return x + k\n    return g\nf = make()",
        "class B:\n    def m(self, x):\n        return x + k\nclass C(B):\n    pass\nf = C().m",
        "def g(x):\n    return x + k\nf = lambda x: [g][0](x)",
        "def g(x):\n    return x + k\ntable = {'a': [g]}\nf = lambda x: table['a'][0](x)",
    ],
)
def test_every_way_of_calling_reads_the_global(notebook: Notebook, setup: str) -> None:
    notebook.run("k = 1")
    notebook.run(setup)
    assert "k" in reads(notebook.run("r = f(1)"))


def test_a_function_reads_what_is_bound_when_it_is_called(notebook: Notebook) -> None:
    notebook.run("k = 1\ndef f():\n    return k")
    assert "k" not in reads(notebook.run("k = 2\nf()"))
    assert "k" in reads(notebook.run("f()\nk = 3"))


def test_defining_a_function_reads_nothing(notebook: Notebook) -> None:
    notebook.run("k = 1")
    assert reads(notebook.run("def f():\n    return k")) == {}


def test_a_branch_not_taken_keeps_the_older_writer_in_reach(notebook: Notebook) -> None:
    notebook.run("x = 1")
    difference = notebook.run("if False:\n    x = 2")
    assert "x" not in writes(difference) or "x" in reads(difference)


def test_a_failed_cell_records_what_it_did_until_then(notebook: Notebook) -> None:
    notebook.run("x = [1]\ny = 1")
    difference = notebook.run("x.append(2)\n1 / 0\ny = 2")
    assert writes(difference)["x"] == "mutated"
    assert "y" not in writes(difference) or "y" in reads(difference)


def test_a_module_is_known_from_its_import_on(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_known.py").write_text("K = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        notebook.run("import sys, own_known")
        assert "$module own_known" in writes(notebook.run("sys.modules['own_known'].K = 2"))
    finally:
        sys.modules.pop("own_known", None)


def test_a_module_that_holds_what_only_a_function_of_the_cell_reached(notebook: Notebook, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_holder.py").write_text("K = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        notebook.run("import own_holder\nl = [1]")
        notebook.run("own_holder.kept = l")
        found = writes(notebook.run("def add():\n    l.append(2)\nadd()"))
        assert {"l", "$module own_holder"} <= set(found)
    finally:
        sys.modules.pop("own_holder", None)


def test_the_environment_of_the_process_is_held_like_any_container(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TEST_LEVEL", "1")
    notebook.run("import os\nheld = [os.environ]")
    assert "held" in writes(notebook.run("os.environ['MLOPS_TEST_LEVEL'] = '2'"))


def test_deleted_names(notebook: Notebook) -> None:
    notebook.run("x = 1\ny = 2")
    assert notebook.run("del x").deletes == ["x"]
    assert notebook.run("x = 3\ndel x, y").deletes == ["y"]


def test_a_name_changed_between_cells_is_reported(notebook: Notebook) -> None:
    notebook.run("x = 1")
    notebook.ns["x"] = 99
    assert [(write.name, write.how) for write in notebook.watch.between().writes] == [("x", "rebound")]
    assert not notebook.watch.between().writes


def test_no_reference_to_a_users_object_is_kept(notebook: Notebook) -> None:
    notebook.run("class Thing: pass\nt = Thing()\nf = lambda: t")
    notebook.run("u = [t]; f()")
    alive = weakref.ref(notebook.ns["t"])
    notebook.run("del t, u, f")
    gc.collect()
    assert alive() is None


def test_unknown_types_are_never_evaluated(notebook: Notebook) -> None:
    notebook.run(
        "class Angry:\n"
        "    def _no(self, *a, **k):\n        raise AssertionError('evaluated')\n"
        "    __eq__ = __repr__ = __len__ = __iter__ = __hash__ = __bool__ = __reduce_ex__ = __getattr__ = __str__ = _no\n"
        "    __getstate__ = __deepcopy__ = _no\n"
    )
    notebook.run("a = Angry()\nb = [a]\nc = {'k': a}\ndef f(x=a):\n    return a")
    assert "a" in reads(notebook.run("f is a"))
    notebook.run("exec('1')")
    notebook.run("b.append(a)")


def test_secret_values_have_no_digest() -> None:
    ns: dict[str, object] = {}
    watch = Namespace(ns, None, lambda name, value: name == "token")
    names = analyse("token = 'x'\nother = 'x'", transform)
    before = watch.before(names)
    exec("token = 'x'\nother = 'x'", ns)
    found = {write.name: write.fingerprint.digest for write in watch.after(before, names, completed=True, prompt=None).writes}
    assert found["token"] is None
    assert found["other"] is not None


def test_what_holds_a_module_changes_with_it(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`l1 = Out` held `live` as the result of `importlib.reload(live)` (notebook 8000001 of oracle.py)."""
    (tmp_path / "own_held.py").write_text("K = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    notebook.run("import own_held, math")
    notebook.run("rows, pair, other = [own_held], ([own_held], 1), [math]")
    try:
        assert writes(notebook.run("vars(own_held)['K'] = 2")) == {
            "$module own_held": "mutated", "rows": "maybe", "pair": "maybe"}
        assert writes(notebook.run("own_held.K")) == {}
    finally:
        del sys.modules["own_held"]


@pytest.mark.parametrize("source", ["%reset -f out", "if True:\n    %reset -f out"])
def test_what_holds_out_changes_when_it_is_emptied(notebook: Notebook, source: str) -> None:
    """`l1 = Out`, then `%reset -f out` (notebook 10000120 of oracle.py)."""
    notebook.ns["_oh"] = {1: 2}
    notebook.run("l1, other = _oh, {1: 2}")
    names = analyse(transform(source), transform)
    before = notebook.watch.before(names)
    notebook.ns["l1"].clear()  # type: ignore[attr-defined]
    assert writes(notebook.watch.after(before, names, completed=True, prompt=None)) == {"l1": "mutated"}
