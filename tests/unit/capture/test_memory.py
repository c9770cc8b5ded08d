"""Marks read from CPython's memory say what the documented ways say, and where they cannot, the documented ways are used."""

from __future__ import annotations

import random

import pytest

from mlops_jupyter.capture import memory


@pytest.fixture(params=["memory", "documented"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways: with the layouts as they are, and as if this Python had others."""
    known = {} if request.param == "memory" else {"tuple": False, "twister": False}
    monkeypatch.setattr(memory, "_known", known)
    return str(request.param)


def test_each_object_has_its_own_mark(way: str) -> None:
    values = [object(), [], "text", 5, None, {}]
    marks = memory.addresses(values)
    each = [marks[at : at + memory.WIDTH] for at in range(0, len(marks), memory.WIDTH)]
    assert len(set(each)) == len(values)
    assert memory.addresses(values) == marks
    assert memory.addresses(reversed(values)) == b"".join(reversed(each))


def test_a_value_is_not_kept(way: str) -> None:
    class Kept:
        gone = False

        def __del__(self) -> None:
            Kept.gone = True

    memory.addresses([Kept()])
    assert Kept.gone


def test_no_values_have_no_marks(way: str) -> None:
    assert memory.addresses([]) == b""


def test_a_twister_s_mark_changes_with_each_draw_and_gives_its_state_back(way: str) -> None:
    generator = random.Random(3)
    for draw in (generator.random, lambda: generator.gauss(0, 1), lambda: generator.gauss(0, 1), lambda: generator.seed(4)):
        before = memory.twister(generator)
        state = generator.getstate()
        assert memory.state_of(before) == state
        assert memory.twister(generator) == before
        draw()
        assert memory.twister(generator) != before


def test_this_python_is_read_from_memory() -> None:
    assert memory._holds("tuple")
    assert memory._holds("twister")


def test_the_most_memory_that_was_held_stays_when_it_is_given_back() -> None:
    before = memory.held()
    assert before is not None
    assert before > 10e6
    much = bytearray(int(before) + 50_000_000)
    most = memory.held()
    assert most is not None
    assert most > before + 40e6
    del much
    assert memory.held() >= most
