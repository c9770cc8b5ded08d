"""Random state: seen without drawing, restored without pickles."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from mlops_jupyter.capture.randomness import Generators, restore, serialize
from mlops_jupyter.entities.errors import InputError
from tests.fakes import MemoryRecorder


def test_looking_draws_nothing_and_drawing_is_seen() -> None:
    generators = Generators(MemoryRecorder().blob)
    random.seed(1)
    np.random.seed(1)
    before = generators.before()
    assert generators.after(before, ()).drew == ()
    random.random()
    np.random.rand()
    assert set(generators.after(before, ("numpy",)).drew) == {"python", "numpy"}
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    generators.before()
    assert (random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("source", ["python", "numpy"])
def test_a_state_is_restored_exactly(source: str) -> None:
    np.random.randn()  # leaves a cached normal deviate, which belongs to the state
    data = serialize(source)
    first = random.gauss(0, 1), np.random.randn()
    restore(source, data)
    again = random.gauss(0, 1), np.random.randn()
    assert again[source == "numpy"] == first[source == "numpy"]


def test_a_state_is_kept_only_when_it_changed() -> None:
    recorder = MemoryRecorder()
    generators = Generators(recorder.blob)
    first = generators.before()[1]
    assert generators.before()[1] == first
    count = len(recorder.blobs)
    random.random()
    assert generators.before()[1] != first
    assert len(recorder.blobs) == count + 1


def test_a_cached_normal_deviate_counts_as_drawn() -> None:
    np.random.seed(0)
    np.random.randn()
    generators = Generators(MemoryRecorder().blob)
    before = generators.before()
    np.random.randn()  # comes from the cache: key and position stay
    assert generators.after(before, ()).drew == ("numpy",)


@pytest.mark.parametrize(("source", "data"), [
    ("jax", b"[]"), ("torch", b"[]"), ("python", b"not json"), ("numpy", b"[1,2]"), ("python", b"[3,[1],null]"),
])
def test_a_state_that_is_none_is_refused(source: str, data: bytes) -> None:
    with pytest.raises(InputError):
        restore(source, data)


@pytest.mark.parametrize(("cell", "drew"), [
    ("np.random.normal()", True), ("np.random.rand(3)", True), ("np.random.get_state()", False),
    ("np.random.default_rng(1).random()", False), ("np.random.shuffle([1, 2])", True), ("np.random.seed(0)", True),
])
def test_the_first_use_of_numpys_generator_is_a_draw(cell: str, drew: bool) -> None:
    """NumPy loads `np.random` when it is first used: there was no state before the cell that drew."""
    code = ("import sys\nimport numpy as np\nfrom mlops_jupyter.capture.randomness import Generators\n"
            "assert 'numpy.random' not in sys.modules\ngenerators = Generators(lambda data: 'blob')\n"
            f"before = generators.before()\n{cell}\nprint(generators.after(before, ()).drew)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(("numpy",) if drew else ()), done.stderr
