"""Small notebooks that run from top to bottom, and every way to edit one of their cells.

A notebook is a handful of recipes of the catalogue and before them only those set-up cells that they rest on, as a person would
have it. `edits` replaces, deletes, inserts and moves each cell in turn.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from tests.unit.capture.notebook_recipes import CELLS, SETUP, fill

Page = list[tuple[str, str]]
"""(cell id, source) from top to bottom."""
SEED = "random.seed(3)\nnp.random.seed(4)"


@dataclass
class Edit:
    """One edit: what it is called, the page after it, from which position on the page is another."""

    kind: str
    page: Page
    first: int
    words: str = ""


@dataclass
class Notebook:
    """The page as it first ran, what else is drawn from for edits, and which cells are run again before the edit."""

    page: Page
    theme: list[str]
    again: list[str] = field(default_factory=list)


@cache
def _binds(source: str) -> frozenset[str]:
    tree = ast.parse(source)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return frozenset(found)


@cache
def _mentions(source: str) -> frozenset[str]:
    words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in source).split()
    return frozenset(words)


def set_up(sources: Sequence[str]) -> list[str]:
    """The set-up cells, in order, that these sources rest on; functions and classes with what they use."""
    needed: set[int] = set()
    words = set().union(*map(_mentions, sources))
    while True:
        more = {at for at, source in enumerate(SETUP) if at not in needed and _binds(source) & words}
        if not more:
            return [SETUP[at] for at in sorted(needed)]
        needed |= more
        words = words.union(*(_mentions(SETUP[at]) for at in more))


def small_notebook(draw: random.Random, steps: int) -> Notebook:
    """So many recipes, most of them neighbours in the catalogue, in the order in which they stand there or nearly so."""
    start = draw.randrange(len(CELLS) - 12)
    near = CELLS[start : start + 12]
    chosen = sorted(draw.sample(range(12), min(steps - 1, 12)))
    templates = [near[at] for at in chosen] + draw.sample(CELLS, 1)
    if draw.random() < 0.3:
        draw.shuffle(templates)
    sources = [fill(template, draw) for template in templates]
    theme = [fill(template, draw) for template in [*near, *draw.sample(CELLS, 6)]]
    setup = set_up(sources)
    if draw.random() < 0.7 and any("random" in source for source in [*sources, *theme]):
        setup = [*set_up([*sources, "random np"]), SEED]
    page = [(f"s{at}", source) for at, source in enumerate(setup)] + [(f"c{at}", source) for at, source in enumerate(sources)]
    own = [cell for cell, _ in page if cell.startswith("c")]
    again = [draw.choice(own) for _ in range(draw.choice([0, 0, 1, 2]))]
    return Notebook(page, theme, again)


def edits(notebook: Notebook, draw: random.Random) -> Iterator[Edit]:
    """Each cell replaced, deleted, moved, and a new one before it."""
    page = notebook.page
    for at, (cell, source) in enumerate(page):
        new = draw.choice([one for one in notebook.theme if one != source])
        yield Edit("replace", [*page[:at], (cell, new), *page[at + 1 :]], at, f"{cell} = {new!r}")
        yield Edit("delete", [*page[:at], *page[at + 1 :]], at, f"without {cell}")
        new = draw.choice(notebook.theme)
        yield Edit("insert", [*page[:at], ("new", new), *page[at:]], at, f"{new!r} before {cell}")
        rest = [*page[:at], *page[at + 1 :]]
        to = draw.choice([place for place in range(len(page)) if place != at])
        yield Edit("move", [*rest[:to], page[at], *rest[to:]], min(at, to), f"{cell} to place {to}")
