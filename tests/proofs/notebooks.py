"""Random notebooks for the oracle: set-ups, then ways drawn from the catalogue, with reruns, edits, deletions and any order."""

# ruff: noqa: E501 (tables, one line each)

from __future__ import annotations

import ast
import builtins
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tests.proofs.ways import FAMILIES
from tests.unit.capture.notebook_recipes import CELLS, KINDS, SECOND, SETUP

STEPS = 70
"""Drawn steps of one notebook, after its set-up."""
READY = 0.85
"""How often a way is preceded by those that bind what it uses; else it may fail half way, which is a way as well."""
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
    draw = random.Random(seed)
    possible = [family for family in FAMILIES.values() if family.possible]
    chosen = draw.sample(possible, 2)
    moves = [_move(source, f"setup{at}", drawn=False) for at, source in enumerate(SETUP)]
    for number, family in enumerate(chosen):
        moves += [_move(fill(source, draw), f"family{number}.{at}", drawn=False) for at, source in enumerate(family.setup)]
    start = draw.randrange(len(CELLS) - 30)
    common = CELLS[start : start + 30] + draw.sample(CELLS, 25)
    cells: list[Move] = []
    known = {name for move in moves for name in names(move.source)[1]}
    number = 0
    while number < steps:
        again = draw.random()
        pool = draw.choice([common, chosen[0].ways, chosen[0].ways, chosen[1].ways])
        if cells and again < 0.12:
            moves.append(draw.choice(cells))  # run again, anywhere above or below
            number += 1
            continue
        if cells and again < 0.18:
            edited = draw.choice(cells)  # the old text is gone
            move = _move(fill(draw.choice(pool), draw), edited.cell)
            cells.remove(edited)
        else:
            move = _move(fill(draw.choice(pool), draw), f"c{number}")
        if draw.random() < READY:
            for source in _first(move.source, pool, known, draw):
                moves.append(_move(source, f"c{number}.first"))
                number += 1
        known |= names(move.source)[1]
        number += 1
        moves.append(move)
        if move.kind not in {"between", "turn", "thread", "file"}:
            cells.append(move)
        if len(cells) > 3 and again > 0.97:
            cells.remove(draw.choice(cells))  # the cell is deleted, what it did stays
    return moves


def _first(source: str, pool: Sequence[str], known: set[str], draw: random.Random, depth: int = 3) -> list[str]:
    """Ways of the same pool that bind what this one uses and nothing has bound yet."""
    missing = sorted(names(source)[0] - known)
    found: list[str] = []
    for name in missing if depth else ():
        makers = [way for way in pool if name in names(fill(way, draw))[1] and name not in names(fill(way, draw))[0]]
        if makers and name not in known:
            maker = fill(draw.choice(makers), draw)
            found += [*_first(maker, pool, known, draw, depth - 1), maker]
            known |= names(maker)[1]
    return found


@lru_cache(maxsize=100_000)
def names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that the text loads, and those that it binds, roughly."""
    try:
        tree = ast.parse("\n".join(line for line in source.splitlines() if line[:1] not in {"%", "!"}))
    except SyntaxError:
        return frozenset(), frozenset()
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return frozenset(used - set(dir(builtins))), frozenset(bound)


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
