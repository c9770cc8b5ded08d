"""Ways in which cells change state: templates over a fixed set of names, from which random notebooks are drawn.

`{i} {j}` are numbers, `{l} {m}` lists, `{d} {e}` dicts, `{a} {b}` arrays, `{t} {u}` frames, `{o} {p}` objects, `{f} {h}` functions
of one number, `{k}` a small constant, `{x}` any name. A cell may fail: names are bound to other kinds of things by others.
"""

# ruff: noqa: E501 (tables of cells, one line each)
from __future__ import annotations

import random

SETUP = [
    "import random, math, collections, functools, itertools, types, contextlib, copy, json, pickle, os, sys, io\nfrom pathlib import Path",
    "import numpy as np\nimport pandas as pd",
    "i1, i2, i3 = 1, 2, 3",
    "l1 = [1, 2, 3]",
    "l2 = [4]\nl3 = [[1], [2]]",
    "d1 = {'a': 1, 'b': [2]}\nd2 = {}",
    "a1 = np.arange(6.0)\na2 = np.arange(6).reshape(2, 3)",
    "t1 = pd.DataFrame({'k': ['x', 'y', 'x'], 'v': [1.0, 2.0, 3.0], 'w': [1, 2, 3]})",
    "t2 = t1.copy()",
    ("class Box:\n    total = 0\n    log = []\n    def __init__(self, v):\n        self.v = v\n"
     "    def add(self, x):\n        self.v = self.v + x\n        Box.total += 1\n        return self.v\n"
     "    def note(self, x):\n        self.log.append(x)\n    def get(self):\n        return self.v + i1\n"
     "    @property\n    def twice(self):\n        return self.v * 2 + i2\n    @classmethod\n    def make(cls, v):\n        return cls(v)"),
    "o1 = Box(1)\no2 = Box(2)",
    "def f1(x):\n    return x + i1",
    "f2 = lambda x: x * 2",
    "def bump(x=1):\n    global i1\n    i1 = i1 + x\n    return i1",
    "def collect(x, acc=[]):\n    acc.append(x)\n    return len(acc)",
    "def count_up(n):\n    for v in range(n):\n        l2.append(v)\n        yield v + i3",
    "g1 = iter(range(100))\ng2 = count_up(50)",
    "r1 = np.random.default_rng(5)\nr2 = random.Random(7)",
    "q1 = collections.deque([1, 2], maxlen=5)\nc1 = collections.Counter('aab')\ndd = collections.defaultdict(list)",
    "od = collections.OrderedDict(a=1, b=2)\ns1 = {1, 2}\nby = bytearray(b'abc')\nns = types.SimpleNamespace(v=1)",
    "import conf",
]
KINDS = {
    "i": ("i1", "i2", "i3"), "l": ("l1", "l2", "l3"), "d": ("d1", "d2"), "a": ("a1", "a2"), "t": ("t1", "t2"),
    "o": ("o1", "o2"), "f": ("f1", "f2"),
}
SECOND = {"j": "i", "m": "l", "e": "d", "b": "a", "u": "t", "p": "o", "h": "f"}

CELLS = [
    # binding
    "{i} = {k}", "{i} = {j} + {k}", "{i} += {k}", "{i}, {j} = {j}, {i}", "{i} = {j} = {k}", "{i}: int = {k}", "({i} := {j} * 2)",
    "{l} = [({i} := v) for v in {m} if isinstance(v, int)]", "{i}, *{l} = [{k}, 2, 3]", "if {i} > 2:\n    {j} = {k}\nelse:\n    {l} = [{i}]",
    "for {i} in [1, 2, 3]:\n    if {i} == 2:\n        break", "for {i} in []:\n    {j} = 0", "while {i} < 5:\n    {i} += 2",
    "try:\n    {i} = {k}\n    1 / 0\n    {j} = 0\nexcept ZeroDivisionError as error:\n    {l} = [str(error)]",
    "try:\n    {l}.append({k})\n    int('x')\nexcept ValueError:\n    pass\nfinally:\n    {i} = len({l})",
    "match {i}:\n    case 1:\n        {j} = 10\n    case {k} as n:\n        {j} = n\n    case _:\n        {l} = [{i}]",
    "{i} = {k} if {j} > 1 else {i}", "{j} > 2 and ({i} := {k})", "{l} = [v for v in {m}]", "{d} = {{v: {i} for v in range({k})}}",
    "with contextlib.suppress(ZeroDivisionError):\n    {i} = {k}\n    {l}.append(1 / 0)", "{i} = sum(v for v in {l} if isinstance(v, int))",
    "{i} = {k}\n1 / 0\n{j} = {k}", "{l}.append({k})\nraise ValueError({i})", "import nothing_of_that_name\n{i} = 0", "{i} = (",
    # lists and dicts in place
    "{l}.append({k})", "{l} += [{k}]", "{l} = {m}", "{l} = {m}[:]", "{l}[0] = {k}", "{l}.pop()", "{l}.sort()", "{l}.clear()",
    "{l}[0:1] = [{k}, {k}]", "{l}.append({m})", "{l}.insert(0, {i})", "del {l}[0]", "{l}.extend(range({k}))", "{l}.reverse()",
    "{l} = [{m}, {k}]", "{l}[0].append({k})", "{m} = {l}[-1]", "for v in {l}:\n    if isinstance(v, list):\n        v.append({k})",
    "{l} *= 2", "first, *rest = {l}\nrest.append({k})", "{l} = copy.deepcopy({m})", "{l} = copy.copy({m})", "{i} = len({l})",
    "list(map({l}.append, range({k})))", "push = {l}.append", "push({k})", "x, y = {l}, {m}", "x.append({k})", "y.append({i})",
    "{d}['a'] = {k}", "{d}.update(a={i}, z={k})", "{d}.setdefault('b', []).append({k})", "{d}.pop('a', None)", "{d} = {e}",
    "{d}['l'] = {l}", "{l} = {d}.get('l', [])", "{d} |= {{'m': {k}}}", "del {d}['a']", "{d} = dict({e}, n={i})", "{d}['self'] = {i}",
    "{d}['l'].append({k})", "for key, v in {d}.items():\n    if isinstance(v, list):\n        v.append(key)", "view = {d}.values()",
    "{i} = len(list(view))", "tt = ({l}, {i})", "tt[0].append({k})", "{l} = tt[0]", "s1.add({k})", "s1 |= {{{i}}}", "s1.discard({k})",
    "q1.append({k})", "q1.appendleft({i})", "q1.rotate({k})", "{l} = list(q1)", "c1.update('b')", "c1['x'] += {k}", "dd['k'].append({k})",
    "{i} = len(dd['missing'])", "{l} = dd['k']", "od.move_to_end('a')", "od['c'] = {k}", "{l} = list(od)", "by[0] = {k}", "mv = memoryview(by)",
    "mv[1] = {k}", "ns.v = {k}", "ns.l = {l}", "ns.l.append({k})", "{i} = ns.v",
    # arrays
    "{a}[0] = {k}", "{a} = {b}", "{a} = {b}[1:]", "{a} = {b}.T", "{a} = {b}.reshape(-1)", "{a} *= 2", "{a}[{a} > 2] = 0", "{a}.fill({k})",
    "np.add({a}, {k}, out={a})", "{a}.sort()", "{a} = np.asarray({b})", "{a} = np.array({b})", "part = {a}[::2]", "part[:] = {k}", "row = {a}[0]",
    "row[...] = {k}", "it = {a}.flat", "it[0] = {k}", "np.put({a}, [0], {k})", "{a}.resize(6, refcheck=False)", "{a} = np.arange({k} + 3.0)",
    "{i} = int({a}.sum())", "{a} = np.array({l}, dtype=object)", "np.random.shuffle({a})", "wrapped = np.ma.array({a}, copy=False)",
    "wrapped[0] = {k}", "{a} = np.frombuffer(by, dtype=np.uint8)", "np.copyto({a}, {k})", "{b} = np.broadcast_to({a}, (2, *{a}.shape))",
    "rec = np.zeros(3, dtype=[('p', int), ('q', float)])", "rec['p'][:] = {k}", "{a} = rec['q']", "{a}.shape = (-1,)",
    # frames
    "{t}.loc[0, 'v'] = {k}", "{t}.at[1, 'w'] = {k}", "{t}.iat[0, 1] = {k}", "{t}['n'] = {t}['w'] * {k}", "{t} = {u}", "{t} = {u}.copy()",
    "{t}.drop(columns=['n'], inplace=True)", "{t}.sort_values('v', inplace=True)", "{t}.rename(columns={{'n': 'm'}}, inplace=True)",
    "{t} = {t}.assign(z={k})", "{t}.insert(0, 'new', {k})", "del {t}['n']", "{t}.pop('z')", "col = {t}['v']", "col[0] = {k}", "col *= 2",
    "{u} = {t}.groupby('k', as_index=False).sum()", "gr = {t}.groupby('k')['v']", "{i} = int(gr.sum().iloc[0])", "{i} = int({t}['w'].sum())",
    "{t}.columns = [str(c).upper() for c in {t}.columns]", "{t}.columns = ['k', 'v', 'w'][:{t}.shape[1]]", "{t}.index = range(5, 5 + len({t}))",
    "{t}.index.name = 'idx'", "{t}.columns.name = 'cols'", "{t} = {u}.query('v > @{i}')", "{t}.eval('e = v + @{i}', inplace=True)",
    "{t} = pd.DataFrame(dict(k=list('xyx'), v=[1.0, {i}, 3.0], w=[3, 2, {k}]))",
    "{a} = np.arange(6.0).reshape(3, 2)\nthin = pd.DataFrame({a}, columns=['p', 'q'], copy=False)", "thin.loc[0, 'p'] = {k}", "{a}[0] = {k}\n{i} = 1",
    "{a} = {t}['v'].to_numpy()", "{a} = {t}.to_numpy()", "{t}.fillna({k}, inplace=True)", "{t}.loc[len({t})] = ['z', {k}, {k}]", "{t}.attrs['note'] = {k}",
    "{i} = {t}.attrs.get('note', 0)", "for name, group in {t}.groupby('k'):\n    {l}.append(len(group))", "{t}['v'] = {t}['v'].astype(int)",
    "mask = {t}['w'] > {k}", "{t} = {t}[mask]", "{t}.loc[mask, 'v'] = {k}", "{t}['k'] = {t}['k'].astype('category')", "{l} = {t}['v'].tolist()",
    "inner = {t}.iloc[:2]", "inner.loc[0, 'v'] = {k}", "{t}.loc[0, 'k'] = 'y'", "{t}['o'] = [{l}] * len({t})", "{t}['o'].iloc[0].append({k})",
    "both = [{t}, {u}]", "both[0].loc[0, 'v'] = {k}", "for frame in both:\n    frame['both'] = {k}", "{t} = {t}.reset_index(drop=True)",
    # objects, classes
    "{o}.v = {k}", "{o} = {p}", "{o}.add({k})", "{o}.add({i})", "{i} = {o}.add({k})", "{o}.note({k})", "{i} = Box.total", "{l} = Box.log", "{i} = {o}.get()",
    "{i} = {o}.twice", "{o} = Box.make({i})", "Box.total = {k}", "Box.extra = lambda self: self.v + i3", "{i} = {o}.extra()", "setattr({o}, 'v', {k})",
    "{o}.__dict__['v'] = {i}", "{o}.peer = {p}", "{o}.peer.v = {k}", "meth = {o}.add", "meth({k})", "{i} = meth({i})", "vars({o})['v'] = {k}",
    "class Sub(Box):\n    def add(self, x):\n        return super().add(x + i2)", "{o} = Sub({i})", "{i} = {o}.v", "del {o}.v", "object.__setattr__({o}, 'v', {k})",
    "class Meta(type):\n    kinds = []\n    def __new__(m, n, b, d):\n        m.kinds.append(n)\n        return super().__new__(m, n, b, d)",
    "class Made(metaclass=Meta):\n    v = {i}", "{i} = len(Meta.kinds)", "{i} = Made.v", "{i} = Box.get({o})", "Box.get = lambda self: self.v * {k}",
    "class Slot:\n    __slots__ = ('v',)\nsl = Slot()\nsl.v = {k}", "sl.v += {k}", "{i} = sl.v",
    "class Items(list):\n    def add(self, x):\n        self.append(x)\n        l1.append(x)\nits = Items([{k}])", "its.add({k})", "{i} = len(its)",
    "class Cm:\n    def __enter__(self):\n        l2.append({k})\n        return self\n    def __exit__(self, *a):\n        l2.append(0)",
    "with Cm() as cm:\n    {i} = len(l2)", "class Lazy:\n    @functools.cached_property\n    def v(self):\n        l1.append('lazy')\n        return i1\nlz = Lazy()", "{i} = lz.v",
    "class Hook:\n    def __getattr__(self, name):\n        l3.append(name)\n        return i2\nhk = Hook()", "{i} = hk.anything", "class Op:\n    def __add__(self, x):\n        l2.append(x)\n        return i3\nop = Op()",
    "{i} = op + {k}", "import dataclasses\n@dataclasses.dataclass\nclass Dc:\n    v: int = {k}\n    l: list = dataclasses.field(default_factory=lambda: l1)\ndc = Dc()", "dc.l.append({k})", "dc.v += i1",
    # functions
    "def {f}(x):\n    return x * {k} + {i}", "{i} = {f}({k})", "{f} = {h}", "{f} = lambda x: x + {i}", "{f} = functools.partial(lambda y, x: x + y, {i})", "{l} = [{f}(v) for v in range({k})]",
    "{l} = list(map({f}, range({k})))", "{i} = bump()", "bump({k})", "{i} = collect({k})", "{i} = collect({k}, {l})", "def make(v):\n    def inner(x):\n        v.append(x)\n        return len(v)\n    return inner",
    "adder = make({l})", "{i} = adder({k})", "adder2 = make([])", "{i} = adder2({k})", "def counter():\n    n = 0\n    def up(x):\n        nonlocal n\n        n += x\n        return n\n    return up\ncu = counter()",
    "{i} = cu({k})", "cu({k})", "def deco(fn):\n    calls = []\n    @functools.wraps(fn)\n    def w(x):\n        calls.append(x)\n        l1.append(x)\n        return fn(x) + len(calls)\n    return w",
    "{f} = deco({h})", "@deco\ndef {f}(x):\n    return x + {i}", "@functools.lru_cache\ndef cached(x):\n    l2.append(x)\n    return x + i1", "{i} = cached({k})", "cached.cache_clear()", "def outer(x):\n    return {f}(x) + helper(x)\n",
    "def helper(x):\n    return x * i2", "{i} = outer({k})", "{f}.tag = {k}", "{i} = {f}.tag", "def rec_sum(n):\n    return 0 if n <= 0 else n + rec_sum(n - 1) + i3", "{i} = rec_sum({k})", "table = {{'f': {f}, 'h': {h}}}",
    "{i} = table['f']({k})", "ops = [{f}, lambda x: x - i1]", "{i} = sum(op_(1) for op_ in ops)", "def setter(name, v):\n    globals()[name] = v", "setter('{i}', {k})", "def deleter():\n    global i2\n    del i2", "deleter()",
    "def reader(name):\n    return eval(name)", "{i} = reader('{j}')", "def change():\n    l1.append(i1)\n    d1['n'] = len(l1)\n    a1[0] = i1", "change()", "def swap():\n    global l1, l2\n    l1, l2 = l2, l1", "swap()",
    "def defaulted(x={i}):\n    return x", "{i} = defaulted()", "async def co():\n    l1.append({k})\n    return i1", "{i} = await co()", "{f}.__defaults__ = ({k},)", "{f}.__code__ = (lambda x: x + i2).__code__", "fs = [lambda x, v=v: x + v + i1 for v in range({k})]",
    "{i} = fs[0]({k})", "{l} = sorted({m}, key=lambda v: str(v) + str(i1))", "{i} = functools.reduce(lambda p_, q_: p_ + q_ + i1, range({k}), 0)", "{i} = (lambda: i2 + {k})()",
    # generators
    "{i} = next(g1)", "{i} = next(g2)", "{l} = list(itertools.islice(g1, {k}))", "{l} = list(itertools.islice(g2, {k}))", "gz = zip(g1, {l})", "{l} = [v for v, _ in gz]", "ga, gb = itertools.tee(g1)", "{i} = next(ga)", "{i} = next(gb)",
    "ge = (v + i1 for v in {l})", "{l} = list(ge)", "gi = iter({l})", "{i} = next(gi, 0)", "for {i} in g1:\n    break", "gm = map({f}, g1)", "{i} = next(gm)", "cyc = itertools.cycle({l})", "{i} = next(cyc)", "en = enumerate({l})", "{i} = next(en)[0]",
    "def acc_gen():\n    total = i1\n    while True:\n        got = yield total\n        total += got or 0\nag = acc_gen()\nnext(ag)", "{i} = ag.send({k})", "rv = reversed({l})", "{l} = list(rv)",
    # opaque ways
    "exec('{i} = {k}')", "exec('{l}.append({k})')", "globals().update({i}={k})", "globals()['{l}'].append({k})", "locals()['{i}'] = {k}", "{i} = eval('{j} + {k}')", "vars()['{i}'] = {k}", "from conf import *", "KNOB = {k}", "{i} = KNOB", "from math import *\n{i} = int(floor(2.5))",
    "get_ipython().user_ns['{i}'] = {k}", "get_ipython().run_cell('{i} = {k}')", "get_ipython().push({{'{i}': {k}}})", "get_ipython().ex('{i} = {k}')", "import __main__\n__main__.{i} = {k}", "import __main__\n{i} = __main__.{j} + {k}",
    "sys.modules['__main__'].{i} = {k}", "sys._getframe().f_globals['{i}'] = {k}", "code = compile('{i} = {k}', 's', 'exec')", "exec(code)",
    # magics
    "%%time\n{i} = {j} + {k}", "%%capture cap\nprint({i})\n{l}.append({k})", "{i} = len(cap.stdout)", "%time {i} = {k}", "%%timeit -n1 -r1\n{l}.append({k})", "%timeit -n1 -r1 {l}.append({k})", "%%capture\n{i} = {k}\n1 / 0", "%xmode Plain", "{l} = %who_ls int",
    "%reset_selective -f ^i2$", "%%prun -q\n{i} = {k}", "%run script.py", "%%writefile script.py\ni1 = {k}\nmade_by_script = {k}", "{i} = made_by_script", "%store {i}", "files = !ls\n{i} = len(files)", "!echo {k} > shell.txt", "{i} = int(open('shell.txt').read())",
    "word = 'k{k}'\n!echo $word > shell.txt", "{l} = [open('shell.txt').read().strip()]", "%cd -q .", "%env LEVEL={k}", "{i} = int(os.environ.get('LEVEL', '0'))",
    # state of modules and of the process
    "math.extra = {k}", "{i} = math.extra", "conf.KNOB = {k}", "{i} = conf.knob()", "{i} = conf.tally({k})", "conf.tally({k})", "{d} = conf.TABLE", "conf.TABLE['n'] = {k}", "setattr(conf, 'KNOB', {k})", "os.environ['LEVEL'] = str({k})",
    "conf.knob = lambda: {i}", "from conf import knob\n{i} = knob()", "import importlib\nimportlib.reload(conf)\n{i} = conf.KNOB", "pd.set_option('display.precision', {k})", "{i} = pd.get_option('display.precision')", "np.set_printoptions(precision={k})",
    "{i} = np.get_printoptions()['precision']", "sys.path.append('p{k}')", "{i} = len(sys.path)", "{l} = list(os.environ.get('LEVEL', ''))", "conf.fresh = {l}", "conf.fresh.append({k})", "{i} = conf.TABLE['n']", "import conf as other\nother.KNOB += {k}", "alias = conf\nalias.KNOB = {k}",
    "os.makedirs('sub', exist_ok=True)\nos.chdir('sub')", "Path('x.txt').write_text(str({k}))", "{i} = int(Path('x.txt').read_text())",
    # random numbers
    "random.seed({k})", "np.random.seed({k})", "{i} = random.randint(0, 99)", "{a} = np.random.rand(3)", "{i} = int(np.random.randint(0, 99))", "random.shuffle({l})", "{l} = random.sample(range(50), 3)", "{i} = int(r1.integers(99))", "{a} = r1.normal(size=3)", "r1.shuffle({a})", "rb = r1",
    "{i} = int(rb.integers(99))", "{i} = r2.randint(0, 99)", "rd = r2.random", "{i} = int(rd() * 99)", "bits = r1.bit_generator", "{i} = int(bits.random_raw() % 99)", "r1 = np.random.default_rng({k})", "kids = r1.spawn(2)\n{i} = int(kids[0].integers(99))", "random.random()\n{i} = {k}",
    "rs = np.random.RandomState({k})", "{i} = rs.randint(99)", "{t} = {t}.sample(frac=1)", "{t} = {t}.sample(frac=1, random_state={k})", "saved = random.getstate()", "random.setstate(saved)", "{i} = random.randint(0, 9)\nnp.random.rand()", "{a} = np.random.permutation({b})",
    "def draw():\n    return random.randint(0, 99)", "{i} = draw()", "def seeded():\n    random.seed(i1)\n    return random.random()", "{l} = [seeded()]", "{a} = pd.Series(np.random.randn(3)).to_numpy()", "seed_it = random.seed", "seed_it({k})",
    # files
    "with open('n.txt', 'w') as file:\n    file.write(str({i}))", "{i} = int(open('n.txt').read())", "with open('n.txt', 'a') as file:\n    file.write('{k}')", "json.dump({d}, open('d.json', 'w'))", "{d} = json.load(open('d.json'))", "np.save('a.npy', {a})",
    "{a} = np.load('a.npy')", "{t}.to_csv('t.csv', index=False)", "{t} = pd.read_csv('t.csv')", "{t}.to_pickle('t.pkl')", "{t} = pd.read_pickle('t.pkl')", "pickle.dump({l}, open('l.pkl', 'wb'))", "{l} = pickle.load(open('l.pkl', 'rb'))", "os.remove('n.txt')", "os.rename('n.txt', 'm.txt')",
    "{i} = int(open('m.txt').read())", "import shutil\nshutil.copy('n.txt', 'm.txt')", "fh = open('n.txt', 'w')", "fh.write('{k}')", "fh.flush()", "fh.close()", "{i} = os.path.exists('n.txt') + 0", "{l} = sorted(os.listdir('.'))", "import sqlite3\ndb = sqlite3.connect('x.db')",
    "db.execute('create table if not exists t (v)')\ndb.execute('insert into t values ({k})')\ndb.commit()", "{l} = db.execute('select v from t').fetchall()", "sio = io.StringIO()", "sio.write('{k}')", "{l} = [sio.getvalue()]", "print({k}, file=sio)", "{i} = os.path.getsize('n.txt')",
    "with open('n.txt', 'r+') as file:\n    file.seek(0, 2)\n    file.write('{k}')", "{t}.to_parquet('t.parquet')", "{t} = pd.read_parquet('t.parquet')", "np.savez('z.npz', a={a})", "{a} = np.load('z.npz')['a']", "mm = np.memmap('m.bin', dtype=float, mode='w+', shape=(3,))", "mm[0] = {k}\nmm.flush()", "{a} = np.fromfile('m.bin')",
    "with open('lines.txt', 'a') as file:\n    for v in {l}:\n        file.write(str(v))", "{l} = open('lines.txt').read().split()", "from contextlib import redirect_stdout\nwith open('n.txt', 'w') as file, redirect_stdout(file):\n    print({k})",
    # deleting, showing, underscores
    "del {i}", "del {l}", "{i}", "{l}", "{t}.head()", "{i} = _", "{l} = Out", "print({i}, {l})", "{t}.describe()", "_hidden = {k}", "{i} = _hidden", "{i} + {k}", "{l};", "del {f}", "__dunder__ = {k}", "{i} = __dunder__", "type({x})", "{x}",
    # scikit-learn
    "from sklearn.linear_model import LinearRegression, LogisticRegression, SGDRegressor\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.base import clone",
    "X = np.arange(12.0).reshape(6, 2) % (3 + {k})\nY = X[:, 0] * {i} + 1", "lr = LinearRegression()", "lr.fit(X, Y)", "lr.set_params(fit_intercept=False)", "P = lr.predict(X)", "sc = StandardScaler()", "sc.partial_fit(X + {k})", "Z = sc.transform(X)", "pipe = make_pipeline(sc, lr)",
    "pipe.fit(X, Y)", "P = pipe.predict(X)", "lr2 = clone(lr).fit(X, Y + {k})", "lr.coef_[0] = {k}", "co = lr.coef_", "co *= 2", "sgd = SGDRegressor(random_state=0, max_iter=5, tol=None)", "sgd.partial_fit(X, Y)", "P = sgd.predict(X)", "score = lr.score(X, Y)",
    "from sklearn.metrics import r2_score\nscore = r2_score(Y, P)", "from sklearn.tree import DecisionTreeRegressor\ntree = DecisionTreeRegressor(random_state=0).fit(X, Y)", "P = tree.predict(X)", "from sklearn.ensemble import RandomForestRegressor\nrf = RandomForestRegressor(n_estimators=2).fit(X, Y)", "P = rf.predict(X)",
    "from sklearn.model_selection import train_test_split\nXa, Xb = train_test_split(X, test_size=0.5)", "Xa[0] = {k}", "X[0] = {k}", "Y = Y + {k}", "from sklearn.model_selection import cross_val_score\nscores = cross_val_score(LinearRegression(), X, Y, cv=2)", "import sklearn\nsklearn.set_config(transform_output='default')",
    # matplotlib
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()", "ax.plot([{k}, 2])", "{i} = len(ax.lines)", "ax.set_title('{k}')", "{l} = [ax.get_title()]", "axes = fig.axes", "axes[0].plot([{k}])", "plt.plot([1, {k}])",
    "plt.rcParams['lines.linewidth'] = {k}", "{i} = int(plt.rcParams['lines.linewidth'])", "line, = ax.plot([1])", "line.set_lw({k})", "{i} = int(ax.lines[-1].get_lw())",
    # threads, weak references, copies that share
    "import threading\nth = threading.Thread(target={l}.append, args=({k},))\nth.start()\nth.join()", "import weakref\nwr = weakref.ref({o})", "wr().v = {k}", "cm2 = collections.ChainMap({d}, {e})", "cm2['a'] = {k}", "{o} = copy.copy({p})", "{o}.w = {l}", "{o}.w.append({k})", "import concurrent.futures as cf\nwith cf.ThreadPoolExecutor(1) as pool:\n    list(pool.map({l}.append, range({k})))",
    "proxy = types.MappingProxyType({d})", "{i} = len(proxy)", "import heapq\nheapq.heappush({l}, {k})", "import bisect\nbisect.insort({l}, {k})", "import operator\noperator.setitem({l}, 0, {k})", "ud = collections.UserDict({d})", "ud['a'] = {k}", "{i} = ud['a']", "ul = collections.UserList({l})", "ul.append({k})", "{i} = len(ul)", "import queue\nqq = queue.Queue()", "qq.put({k})", "{i} = qq.get(timeout=0.01)", "import array\nar = array.array('i', [1, 2])", "ar[0] = {k}", "{i} = ar[0]", "ctx = contextlib.ExitStack()", "ctx.callback({l}.append, {k})", "ctx.close()", "import contextvars\ncv = contextvars.ContextVar('cv', default=0)", "cv.set({k})", "{i} = cv.get()", "import decimal\ndecimal.getcontext().prec = {k} + 2", "{l} = [str(decimal.Decimal(1) / 3)]", "import warnings\nwarnings.simplefilter('error')", "counter_ = itertools.count()", "{i} = next(counter_)", "import re\nmo = re.finditer('a', 'aaa')", "{i} = next(mo).start()",
]


def notebook(draw: random.Random, steps: int = 14) -> list[tuple[str, str]]:
    """The set-up and random cells, some run again, some edited and run again, as (cell id, source)."""
    cells = [(f"setup{number}", source) for number, source in enumerate(SETUP)]
    theme = draw.sample(CELLS, 24)
    start = draw.randrange(len(CELLS) - 30)
    theme += CELLS[start : start + 30] * 2
    for number in range(steps):
        again = draw.random()
        played = cells[len(SETUP):]
        if played and again < 0.12:
            cells.append(draw.choice(played))
        elif played and again < 0.2:
            cell, _ = draw.choice(played)
            cells.append((cell, fill(draw.choice(theme), draw)))
        else:
            cells.append((f"c{number}", fill(draw.choice(theme), draw)))
    return cells


def fill(template: str, draw: random.Random) -> str:
    """A template with names and a constant."""
    names = {kind: draw.choice(known) for kind, known in KINDS.items()}
    for second, kind in SECOND.items():
        names[second] = draw.choice(KINDS[kind])
    return template.format(**names, k=draw.randint(1, 4), x=draw.choice([*names.values()]))
