"""Random notebooks for the oracle: set-ups, then ways drawn from the catalogue, with reruns, edits, deletions and any order."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.proofs.ways import FAMILIES
from tests.unit.capture.notebook_recipes import CELLS, KINDS, SECOND, SETUP

STEPS = 70
"""Drawn steps of one notebook, after its set-up."""
MODULE = "grown = []\nK = 1\ndef grow(x):\n    grown.append(x)\n    return K + len(grown)\nclass Live:\n    k = 1\n    def get(self):\n        return self.k + K\n"


@dataclass(frozen=True)
class Move:
    """One thing that happens: `cell` runs a numbered cell; the other kinds are explained in `ways.py`."""

    kind: str
    source: str
    cell: str = ""
    drawn: bool = True


def notebook(seed: int, steps: int = STEPS) -> list[Move]:
    """The notebook of this seed."""
    draw = random.Random(seed)  # noqa: S311 (a repeatable notebook)
    possible = [family for family in FAMILIES.values() if family.possible]
    chosen = draw.sample(possible, 2)
    moves = [_move(source, f"setup{at}", drawn=False) for at, source in enumerate(SETUP)]
    for number, family in enumerate(chosen):
        moves += [_move(fill(source, draw), f"family{number}.{at}", drawn=False) for at, source in enumerate(family.setup)]
    start = draw.randrange(len(CELLS) - 30)
    common = CELLS[start : start + 30] + draw.sample(CELLS, 25)
    cells: list[Move] = []
    for number in range(steps):
        again = draw.random()
        pool = draw.choice([common, chosen[0].ways, chosen[0].ways, chosen[1].ways])
        if cells and again < 0.12:
            moves.append(draw.choice(cells))  # run again, anywhere above or below
            continue
        if cells and again < 0.18:
            edited = draw.choice(cells)  # the old text is gone
            move = _move(fill(draw.choice(pool), draw), edited.cell)
            cells.remove(edited)
        else:
            move = _move(fill(draw.choice(pool), draw), f"c{number}")
        moves.append(move)
        if move.kind not in {"between", "turn", "thread", "file"}:
            cells.append(move)
        if len(cells) > 3 and again > 0.97:
            cells.remove(draw.choice(cells))  # the cell is deleted, what it did stays
    return moves


def _move(template: str, cell: str, *, drawn: bool = True) -> Move:
    kind, bar, source = template.partition("|")
    if bar and kind in {"silent", "unnumbered", "skip", "between", "turn", "thread", "file", "interrupt"}:
        return Move(kind, source, cell, drawn)
    return Move("cell", template, cell, drawn)


def fill(template: str, draw: random.Random) -> str:
    """A template with names and a constant."""
    names = {kind: draw.choice(known) for kind, known in KINDS.items()}
    for second, kind in SECOND.items():
        names[second] = draw.choice(KINDS[kind])
    return template.format(**names, k=draw.randint(1, 4), x=draw.choice([*names.values()]))
