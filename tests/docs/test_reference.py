"""The reference says what the commands say of themselves."""

from __future__ import annotations

import re

from tests.docs import rest
from tests.docs.reference import FILE, LISTS, SHAPES, text

ROOT = FILE.parents[2]


def test_the_reference_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "it is out of date: python tests/docs/reference.py"


def test_the_routes_are_current() -> None:
    assert rest.FILE.read_text(encoding="utf-8") == rest.page(), "it is out of date: python tests/docs/rest.py"


def test_no_shape_is_told_of_a_command_that_is_gone() -> None:
    told = re.findall(r"^### `%?%?mlops ((?:[a-z-]+ ?)+)", text(), flags=re.MULTILINE)
    assert set(SHAPES) | LISTS <= {name.strip() for name in told}


def test_documents_name_commands_that_exist() -> None:
    known = set(re.findall(r"^### `%?%?mlops ([a-z-]+)", text(), flags=re.MULTILINE))
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if page != FILE and "decisions" not in page.parts:
            named = set(re.findall(r"(?:^|`)%{0,2}mlops ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
            assert named <= known, f"{page.name}: {named - known}"
