"""What a cell's text says about names: never too little."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from mlops_jupyter.capture.names import CellNames, analyse
from mlops_jupyter.capture.unwrap import is_ours, is_skip

transform = TransformerManager().transform_cell


def names(source: str) -> CellNames:
    return analyse(transform(source), transform)


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("x = 1\ny = x", set()),
        ("y = x\nx = 1", {"x"}),
        ("x = x + 1", {"x"}),
        ("x += 1", {"x"}),
        ("if c:\n    x = 1\nprint(x)", {"c", "x", "print"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", {"c"}),
        ("for i in xs:\n    t = i\nt", {"xs", "t"}),
        ("try:\n    x = f()\nexcept E:\n    x = 0\nx", {"f", "E"}),
        ("try:\n    x = f()\nexcept E:\n    pass\nx", {"f", "E", "x"}),
        ("with open(p) as f:\n    f.read()", {"open", "p"}),
        ("[a for a in b if a > c]", {"b", "c"}),
        ("{k: v for k, v in d.items()}\nk", {"d", "k"}),
        ("df['a'] = df.b * 2", {"df"}),
        ("obj.a.b[0].c = v", {"obj", "v"}),
        ("f = lambda r: r * k", {"k"}),
        ("def g(a=d):\n    return k", {"d"}),
        ("@deco\ndef g():\n    return k", {"deco", "k"}),
        ("class A(B):\n    z = w\n    def m(self):\n        return q", {"B", "w", "q"}),
        ("f'{x:{w}}'", {"x", "w"}),
        ("del x", {"x"}),
        ("(y := x)", {"x"}),
        ("[(last := i) for i in xs]\nlast", {"xs", "last"}),
        ("match p:\n    case [a, *r]:\n        a\n    case {'k': v, **o}:\n        v", {"p"}),
        ("await task", {"task"}),
        ("c and (x := 1)\nx", {"c", "x"}),
        ("while c:\n    x = 1\nx", {"c", "x"}),
        ("import numpy as np\nnp.zeros(n)", {"n"}),
    ],
)
def test_reads_are_what_the_cell_uses_from_before(source: str, reads: set[str]) -> None:
    assert names(source).reads == reads


@pytest.mark.parametrize(
    ("source", "stores"),
    [
        ("a, (b, *c) = 1, (2, 3)", {"a", "b", "c"}),
        ("import a.b, c as d\nfrom e import f as g", {"a", "d", "g"}),
        ("for i, j in x:\n    pass", {"i", "j"}),
        ("def f(): pass\nclass C: pass\nasync def g(): pass", {"f", "C", "g"}),
        ("with a as b: pass", {"b"}),
        ("try:\n    pass\nexcept E as e:\n    pass", {"e"}),
        ("x: int = 1\ny: int", {"x"}),
        ("[i for i in x]", set()),
        ("%%capture out\nz = 1", {"z", "out"}),
        ("%time w = f()", {"w"}),
        ("%%time\nw = f()", {"w"}),
        ("%%timeit\nw = f()", set()),
        ("files = !ls", {"files"}),
        ("f = lambda: (global_ := 1)", {"f"}),
    ],
)
def test_stores_are_what_the_text_binds(source: str, stores: set[str]) -> None:
    assert set(names(source).stores) == stores


@pytest.mark.parametrize(
    ("source", "mutated"),
    [
        ("df['a'] = 1", {"df"}), ("x.y = 1", {"x"}), ("del d['k']", {"d"}), ("a[0][1].b = 2", {"a"}), ("l += [1]", {"l"}),
        ("pd.set_option('a', 1)", {"pd"}), ("plt.rcParams.update({})", {"plt"}), ("setattr(mod, 'a', 1)", {"mod"}),
        ("warnings.filterwarnings('ignore')", {"warnings"}), ("%%timeit\nx.a = 1", {"x"}),
    ],
)
def test_changes_in_place_are_seen(source: str, mutated: set[str]) -> None:
    assert names(source).mutated == mutated


@pytest.mark.parametrize(
    "source",
    ["exec('x = 1')", "eval(s)", "globals()['x'] = 1", "from m import *", "%run other.py", "%unknown_magic x",
     "%store -r x", "%who_ls",
     "get_ipython().run_cell('x')",
     "%%time\nexec('a')", "locals()", "get_ipython().user_ns['x'] = 1" if False else "get_ipython().push({})"],
)
def test_what_the_text_cannot_tell_is_opaque(source: str) -> None:
    assert names(source).opaque


@pytest.mark.parametrize("source", ["%matplotlib inline", "%reset -f", "%recall 3",
                                    "!ls", "%mlops why x", "%load_ext mlops_jupyter", "%%bash\necho", "x.exec()",
                                    "%%time\nx = 1", "%pip install a", "?x", "model.eval()", "vars(x)",
                                    "%store x", "%store"])
def test_harmless_cells_are_not_opaque(source: str) -> None:
    assert names(source).opaque == []


def test_magics_bring_their_code_and_words() -> None:
    assert names("%time y = f(x)").reads == {"f", "x"}
    assert names("%%time\ny = f(x)").reads == {"f", "x"}
    assert names("%timeit -n 3 -r 2 f(x)").reads == {"f", "x"}
    assert "pattern" in names("!grep {pattern} file").words
    assert {"df"} <= names("duckdb.sql('select * from df')").words
    assert {"k"} <= names("df.query('a > @k')").words
    assert "x" not in names("%mlops why x").words


def test_earlier_results_are_reads() -> None:
    assert names("_ + 1").results == {"_"}
    assert names("Out[3].head()").results == {"_3"}
    assert names("_7").results == {"_7"}
    assert names("Out[n]").results == {"_oh"}
    assert names("for _ in x:\n    pass\n_").results == {"_"}
    assert names("_ = 1\n_").results == set()


def test_seeds_and_imports_are_noted() -> None:
    found = names("import numpy as np, sklearn.metrics\nfrom pandas import DataFrame\nnp.random.seed(1)\nrandom.seed(2)")
    assert found.seeds == [("np", "random", "seed"), ("random", "seed")]
    assert found.imports == ["numpy", "sklearn", "pandas"]


def test_what_is_bound_is_known_for_each_first_use() -> None:
    assert "k" in names("def f():\n    return k\nk = 1\nf()").loads["f"]
    assert "k" not in names("def f():\n    return k\nf()\nk = 1").loads["f"]


def test_certain_names_are_bound_every_way() -> None:
    assert names("x = 1\nif c:\n    y = 1").certain == {"x"}


def test_a_cell_that_does_not_parse_has_no_names() -> None:
    assert not names("x = = 1").parsed
    assert names("x = = 1").reads == set()


def test_our_own_cells_are_recognised() -> None:
    assert is_ours("%load_ext mlops_jupyter\n%mlops track --experiment e\n# done")
    assert is_ours("%%mlops skip\nx = 1")
    assert not is_ours("%mlops track\nx = 1")
    assert not is_ours("# only a comment")
    assert is_skip("%%mlops skip\nx")
    assert not is_skip("%mlops status")


def test_of_a_line_that_is_code_only_what_ipython_expands_is_a_word() -> None:
    assert names("%time i = 2").words == set()
    assert names("%%capture out\ni = 2").words == set()
    assert names("%time f({a} + 1)").words == {"a"}
    assert names("%timeit f($b)").words == {"b"}
