"""The descriptions that open the docstrings of installed libraries, read from their sources without importing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

HEADING = re.compile(
    r"^\s*(\S.*\n\s*[-=]{3,}|\.\. |>>> |(Args|Arguments|Parameters|Returns|Raises|Notes?|Examples?):?\s*$)", re.MULTILINE
)
ASIDE = ("tests", "test", "testing")


def read_descriptions(libraries: list[str]) -> pd.DataFrame:
    """One row for each public function, class and method that says what it is: library, module, name, text.

    Libraries that are not installed are left out.
    """
    rows = [row for library in libraries for row in _library(library)]
    return pd.DataFrame(rows, columns=["library", "module", "name", "text"])


def _library(library: str) -> Iterator[tuple[str, str, str, str]]:
    found = find_spec(library)
    if found is None or found.origin is None:
        return
    root = Path(found.origin).parent
    for file in sorted(root.rglob("*.py")):
        module = file.relative_to(root).with_suffix("").as_posix()
        if not any(part in ASIDE or (part.startswith("_") and part != "__init__") for part in module.split("/")):
            for name, docstring in _documented(ast.parse(file.read_text(encoding="utf-8")).body):
                if text := description(docstring):
                    yield library, module, name, text


def _documented(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if docstring := ast.get_docstring(node):
                yield within + node.name, docstring
            if isinstance(node, ast.ClassDef):
                yield from _documented(node.body, f"{within}{node.name}.")


def description(docstring: str) -> str:
    """What stands before the first heading, list of arguments or example, in one line."""
    heading = HEADING.search(docstring)
    return " ".join((docstring[: heading.start()] if heading else docstring).split())
