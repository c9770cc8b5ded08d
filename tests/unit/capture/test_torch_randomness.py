"""PyTorch's generator of the CPU is a random source like Python's and NumPy's."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.capture.randomness import Generators, restore, serialize
from mlops_jupyter.entities.errors import InputError
from tests.fakes import MemoryRecorder
from tests.unit.capture.notebook_player import Player

torch = pytest.importorskip("torch")


def test_a_draw_and_a_seed_are_seen_and_looking_draws_nothing() -> None:
    generators = Generators(MemoryRecorder().blob)
    torch.manual_seed(1)
    before = generators.before()
    assert "torch" not in generators.after(before, ()).drew
    expected = torch.rand(1)
    assert "torch" in generators.after(before, ()).drew
    torch.manual_seed(1)
    generators.before()
    assert torch.equal(torch.rand(1), expected)


def test_a_state_is_restored_exactly() -> None:
    torch.manual_seed(3)
    torch.randn(1)
    data = serialize("torch")
    first = torch.randn(5)
    restore("torch", data)
    assert torch.equal(torch.randn(5), first)


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"torch": "AAAA"}', b"not json"])
def test_a_state_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        restore("torch", data)


def played(folder: Path, cells: list[str]) -> Player:
    return Player(folder).play([(f"c{at}", source) for at, source in enumerate(cells)])


def test_a_cell_that_initialises_weights_draws_and_one_that_seeds_is_known_to(tmp_path: Path) -> None:
    cells = ["import torch", "torch.manual_seed(0)", "layer = torch.nn.Linear(2, 1)", "x = torch.ones(2)", "y = layer(x)"]
    found = [execution.random for execution in played(tmp_path, cells).executions.values()]
    assert ["torch" in state.drew for state in found if state is not None] == [False, True, True, False, False]
    assert found[1] is not None
    assert "torch" in found[1].seeded


def test_a_draw_rests_on_the_seed_and_on_the_draws_between(tmp_path: Path) -> None:
    cells = ["import torch", "torch.manual_seed(4)", "a = torch.rand(1).item()", "b = 5", "c = torch.rand(1).item()"]
    player = played(tmp_path, cells)
    assert player.needed("c", 5).cells == [1, 2, 3, 5]
    assert player.check("c", 5) == ""


def test_what_nobody_seeded_is_brought_back_from_the_recorded_state(tmp_path: Path) -> None:
    player = played(tmp_path, ["import torch", "a = torch.rand(1).item()", "b = torch.rand(1).item()"])
    assert player.needed("b", 3).cells == [1, 3]
    assert player.needed("b", 3).unseeded == ["torch"]
    assert player.check("b", 3) == ""
