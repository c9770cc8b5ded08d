"""What the packages of an interpreter provide and require: by import name, and as each says it.

The same as `importlib.metadata` answers, of which it takes the list of packages, without what takes long there: the description,
most of a package's metadata, is not parsed, and a list of files is read as text. As a script it prints the answer, so
that another interpreter can be asked; so it imports the standard library alone.
"""

from __future__ import annotations

import csv
import inspect
import json
import sys
from email import message_from_string
from importlib.metadata import Distribution, distributions


def provided() -> dict[str, dict[str, list[str]]]:
    """{"provides": import name → packages, "needs": package → its requirements as text}; the first on the path counts."""
    provides: dict[str, list[str]] = {}
    needs: dict[str, list[str]] = {}
    for each in distributions():
        name, requirements = _says(each)
        if name:
            needs.setdefault(name, requirements)
            for module in _modules(each):
                provides.setdefault(module, []).append(name)
    return {"provides": provides, "needs": needs}


def _says(package: Distribution) -> tuple[str, list[str]]:
    """(name, requirements)."""
    text = package.read_text("METADATA")
    if not text:  # an egg, which keeps them elsewhere
        return (package.metadata["Name"] or "") if package.metadata is not None else "", list(package.requires or [])
    head = message_from_string(text.partition("\n\n")[0])
    return head.get("Name", ""), head.get_all("Requires-Dist", [])


def _modules(package: Distribution) -> set[str]:
    """Top-level names that can be imported: as declared, else by its files."""
    declared = (package.read_text("top_level.txt") or "").split()
    if declared:
        return set(declared)
    record = package.read_text("RECORD")
    files = [row[0] for row in csv.reader(record.splitlines()) if row] if record else map(str, package.files or [])
    found = {file.partition("/")[0] if "/" in file else inspect.getmodulename(file) for file in files}
    return {name for name in found if name and "." not in name}


if __name__ == "__main__":
    json.dump(provided(), sys.stdout)
