"""The panel's style sheets: each class is styled in one of them, and each of them is loaded."""

from __future__ import annotations

import re
from pathlib import Path

STYLE = Path(__file__).resolve().parents[2] / "labextension" / "style"
OWN = re.compile(r"^(?:\.jp-mlops )?(?:[a-z]+)?(\.jp-mlops-[\w-]+)$")
"""A selector that is about a class as such, not about where it stands or what state it is in."""


def _classes(sheet: Path) -> set[str]:
    rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    selectors = [one.strip() for found in re.findall(r"([^{}]+)\{", rules) for one in found.split(",")]
    return {match.group(1) for one in selectors if (match := OWN.match(one))}


def test_no_class_is_styled_in_two_sheets() -> None:
    found: dict[str, list[str]] = {}
    for sheet in sorted(STYLE.glob("*.css")):
        for name in _classes(sheet):
            found.setdefault(name, []).append(sheet.name)
    assert {name: sheets for name, sheets in found.items() if len(sheets) > 1} == {}


def test_every_sheet_is_loaded_whichever_way_styles_are() -> None:
    sheets = {sheet.name for sheet in STYLE.glob("*.css")} - {"index.css"}
    for index in ("index.css", "index.js"):
        assert set(re.findall(r"[\w-]+\.css", (STYLE / index).read_text(encoding="utf-8"))) == sheets, index
