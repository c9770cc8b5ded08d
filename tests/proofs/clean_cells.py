"""Cells without secrets: statements and examples from the standard library, from installed packages, from our notebooks.

Drawn with a seed, a few from each file and a limited number from each package, so that no one's style decides.
"""

from __future__ import annotations

import ast
import doctest
import functools
import json
import random
import sysconfig
from collections import Counter
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
_LINES = 30
_FROM_ONE_FILE = 6


@functools.cache
def _files() -> tuple[tuple[str, Path], ...]:
    found: list[tuple[str, Path]] = []
    paths = sysconfig.get_paths()
    for root in dict.fromkeys([paths["stdlib"], paths["purelib"], paths["platlib"]]):
        for file in Path(root).rglob("*.py"):
            parts = file.relative_to(root).parts
            if "site-packages" not in parts and "lib2to3" not in parts:
                found.append((parts[0], file))
    return tuple(sorted(found))


def _pieces(text: str, rng: random.Random) -> list[str]:
    """A few statements, and the examples in docstrings."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    lines = text.split("\n")
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass)]
    chosen = rng.sample(statements, min(_FROM_ONE_FILE - 1, len(statements)))
    pieces = ["\n".join(lines[node.lineno - 1:min(node.end_lineno or node.lineno, node.lineno + _LINES)]) for node in chosen]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    written = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    notes = [note for note in written if ">>>" in note]
    if notes:
        try:
            examples = doctest.DocTestParser().get_examples(rng.choice(notes))
            pieces.append("".join(example.source for example in examples))
        except ValueError:
            pass
    return [piece for piece in pieces if piece.strip()]


@functools.cache
def _notebooks() -> tuple[str, ...]:
    cells: list[str] = []
    for file in sorted(EXAMPLES.glob("*.ipynb")):
        for cell in json.loads(file.read_text())["cells"]:
            cells.append("".join(cell["source"]))
            outputs = cell.get("outputs", [])
            cells += ["".join(one.get("text", [])) or "".join(one.get("data", {}).get("text/plain", [])) for one in outputs]
    return tuple(cell for cell in cells if cell.strip())


def clean_cells(seed: int, count: int) -> list[str]:
    """`count` cells."""
    rng = random.Random(seed)
    files = list(_files())
    rng.shuffle(files)
    cells = list(_notebooks())
    of_package: Counter[str] = Counter()
    for most in (count // 100, count // 20, count):
        for package, file in files:
            if len(cells) >= count:
                break
            if of_package[package] < most:
                pieces = _pieces(file.read_text(encoding="utf-8", errors="replace"), rng)
                of_package[package] += len(pieces)
                cells += pieces
    rng.shuffle(cells)
    return cells[:count]
