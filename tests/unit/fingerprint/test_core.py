"""Identity of Python's own values and of user objects, without a call into them."""

import collections
import datetime
import enum
import functools
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_jupyter.fingerprint import fingerprint, fingerprint_file, footprint


def digest(value):
    found = fingerprint(value)
    assert found.digest is not None
    assert found.coverage == 1.0
    return found.digest


@dataclass
class Point:
    x: int
    y: list


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


Pair = collections.namedtuple("Pair", "a b")

DISTINCT = [
    0, 1, -1, 256, 2**70, 0.0, -0.0, 1.0, float("inf"), True, False, None, ..., "", "a", "é", b"", b"a", 1j, range(3), slice(3),
    [], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), [1, 2], [2, 1], [[1], 2], [1, [2]], ["ab", "c"], ["a", "bc"],
    {1: 2}, {2: 1}, {1: 2, 3: 4}, {3: 4, 1: 2}, collections.Counter("ab"), collections.deque([1]), collections.deque([1], 3),
    collections.OrderedDict(a=1), collections.defaultdict(list, a=1), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.time(1), datetime.timedelta(1), uuid.UUID(int=1), Path("a"),
    Path("b"), Colour.RED, Colour.BLUE, Point(1, [2]), Point(1, [3]), Pair(1, 2), len, max, functools.partial(max, 1),
    functools.partial(max, 2), Point, Colour, sys, collections, list(range(100)), [float(n) for n in range(100)],
    [*range(99), 0], [str(n) for n in range(100)], bytearray(b"a"), "".join, [2**70] * 50,
]  # fmt: skip


def test_different_values_have_different_digests():
    digests = [digest(value) for value in DISTINCT]
    twins = [(DISTINCT[a], DISTINCT[b]) for a in range(len(digests)) for b in range(a) if digests[a] == digests[b]]
    assert twins == []


def test_equal_content_is_equal_whatever_the_object():
    for make in (lambda: [1, "a", {2: (3.5, None)}], lambda: Point(1, [2]), lambda: {"é" * 3, 5}, lambda: Pair([1], 2)):
        assert digest(make()) == digest(make())


def test_a_digest_is_the_same_in_another_process_with_another_hash_seed():
    source = "from mlops_jupyter.fingerprint import fingerprint as f; print(f({'a', ('c', 1)}).digest, f({'k': [1.5]}).digest)"
    seen = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=True)
        seen.add(process.stdout)
    assert len(seen) == 1


def test_cycles_end_and_are_told_apart_by_content():
    def ring(value):
        made = [value]
        made.append({"up": made})
        return made

    assert digest(ring(1)) == digest(ring(1)) != digest(ring(2))


def test_deep_nesting_is_said_to_be_partly_covered():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    found = fingerprint(deep)
    assert found.coverage < 1
    assert not found.same_as(found)


def make(constant):
    def inner(a, b=constant):
        return [part + constant for part in (a, b)]

    return inner


def test_a_function_is_what_it_does_not_where_it_stands():
    first, second = {}, {}
    exec("def f(x):\n    return x + 1", first)
    exec("\n\n# a comment\ndef f(x):\n\n    return x + 1", second)
    third = {}
    exec("def f(x):\n    return x + 2", third)
    assert digest(first["f"]) == digest(second["f"]) != digest(third["f"])
    assert digest(make(1)) == digest(make(1)) != digest(make(2))


def test_a_class_changes_with_its_methods_and_attributes():
    def declared(body):
        space = {"__name__": "__main__"}
        exec(f"class C:\n    {body}", space)
        return space["C"]

    assert digest(declared("def m(self): return 1")) == digest(declared("def m(self): return 1"))
    assert digest(declared("def m(self): return 1")) != digest(declared("def m(self): return 2"))
    assert digest(declared("size = 3")) != digest(declared("size = 4"))


def test_iterators_and_files_are_not_read(tmp_path):
    numbers = iter([1, 2])
    path = tmp_path / "t"
    path.write_text("abc")
    with path.open() as file:
        for value in (numbers, (n for n in [1]), enumerate([1]), map(str, [1]), file):
            found = fingerprint(value)
            assert (found.kind, found.digest) == ("iterator", None)
        assert file.read() == "abc"
    assert list(numbers) == [1, 2]


def test_unknown_parts_make_a_container_partly_covered():
    found = fingerprint([1, 2, iter([])])
    assert found.digest.startswith("fp1~")
    assert 0 < found.coverage < 1


def test_over_budget_is_never_silently_equal():
    text = "a" * 10_000
    assert fingerprint(text, budget=100).digest is None
    found = fingerprint([text, text + "b"], budget=5_000)
    assert found.digest is None or found.coverage < 1


class Alarm(Exception):
    pass


class MetaTrap(type):
    armed = False

    def __hash__(cls):
        if MetaTrap.armed:
            raise Alarm
        return 1

    def __eq__(cls, other):
        raise Alarm

    def __getattribute__(cls, name):
        if type.__getattribute__(MetaTrap, "armed"):
            raise Alarm(name)
        return type.__getattribute__(cls, name)


def booby(name):
    def raising(self, *_args, **_kwargs):
        raise Alarm(name)

    return raising


DUNDERS = [
    "repr", "str", "bytes", "format", "lt", "le", "eq", "ne", "gt", "ge", "hash", "bool", "getattr",
    "getattribute", "setattr", "delattr", "dir", "call", "len", "length_hint", "getitem", "setitem", "iter",
    "reversed", "contains", "add", "index", "int", "float", "reduce", "reduce_ex", "getstate", "sizeof", "fspath",
    "copy", "deepcopy", "enter", "exit", "array", "await",
]  # fmt: skip


@pytest.mark.parametrize("bases", [(), (list,), (dict,), (tuple,), (set,)])
def test_no_method_of_a_user_class_runs(bases):
    body = {f"__{name}__": booby(name) for name in DUNDERS} | {"__class__": property(booby("class")), "x": property(booby("x"))}
    trap = MetaTrap("Trap", bases, {**body, "__module__": "__main__"})
    value = trap.__new__(trap)
    lru = functools.lru_cache(lambda: value)
    lru()
    MetaTrap.armed = True
    try:
        for each in (value, trap, [value], {"k": value}, iter([value]), lru, collections.ChainMap({"k": value})):
            fingerprint(each)
            footprint(each)
        found = fingerprint(value)
    finally:
        MetaTrap.armed = False
    assert found.digest is not None


def test_a_dict_property_cannot_hide_attributes():
    class Base:
        pass

    class Hidden(Base):
        @property
        def __dict__(self):
            raise Alarm

    first, second = Hidden(), Hidden()
    first.x, second.x = 1, 2
    assert digest(first) != digest(second)


def test_slots_are_content():
    class Slotted:
        __slots__ = ("a", "b")

    first, second = Slotted(), Slotted()
    first.a, second.a = 1, 2
    assert digest(first) != digest(second)


def test_a_file_is_its_bytes(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"abc" * 1000)
    two.write_bytes(b"abc" * 1000)
    assert fingerprint_file(one).digest == fingerprint_file(two).digest
    two.write_bytes(b"abc" * 999 + b"abd")
    assert fingerprint_file(one).digest != fingerprint_file(two).digest
    assert fingerprint_file(tmp_path / "none").digest is None
    assert fingerprint_file(tmp_path).digest is None


def test_footprint_shows_shared_holders_and_not_shared_constants():
    inner = [1]
    a, b, c = {"k": inner}, (inner, "x"), {"k": [1]}
    assert footprint(a).ids & footprint(b).ids
    assert not footprint(a).ids & footprint(c).ids
    assert not footprint("text").ids
    only = [sys, len, int, None, "text"]
    assert footprint(only).ids == {id(only)}
