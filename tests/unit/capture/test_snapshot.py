"""Two looks at a namespace tell what was bound, rebound and deleted between them, whatever order its names are in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capture.snapshot import Snapshot

NAMES = st.sampled_from("abcdefgh")
VALUES = [object() for _ in range(4)]
STEPS = st.lists(st.tuples(NAMES, st.sampled_from([*range(len(VALUES)), None])), max_size=12)


def play(namespace: dict[str, object], steps: list[tuple[str, int | None]]) -> None:
    for name, place in steps:
        if place is None:
            namespace.pop(name, None)
        else:
            namespace[name] = VALUES[place]


@given(STEPS, STEPS)
def test_changes_are_those_of_the_namespace(first: list[tuple[str, int | None]], then: list[tuple[str, int | None]]) -> None:
    namespace: dict[str, object] = {}
    play(namespace, first)
    before, earlier = dict(namespace), Snapshot.of(namespace)
    play(namespace, then)
    created, rebound, deleted = earlier.changes(Snapshot.of(namespace))
    assert set(created) == namespace.keys() - before.keys()
    assert set(rebound) == {name for name in namespace.keys() & before.keys() if namespace[name] is not before[name]}
    assert set(deleted) == before.keys() - namespace.keys()
