"""A grammar that the commands do without until it is asked for: that of IRIs, which jsonschema reads while it is imported.

It is installed wherever Jupyter Server is, and to make its parsers takes longer than all the rest of a command's start, for
formats (`iri`, `iri-reference`) that neither a notebook nor a job has. A stand-in takes its place among the modules: whatever is
asked of it loads the real one first, so that the answers are the same.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

NAME = "rfc3987_syntax"
ASKED = "is_valid_syntax"  # what jsonschema takes of it by name


class LaterModule(ModuleType):
    """Stands for the module until something is asked of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # what inspect and others ask of every module there is
            raise AttributeError(name)
        return getattr(real(), name)


def real() -> ModuleType:
    """The module itself, loaded by the first who asks."""
    if isinstance(sys.modules.get(NAME), LaterModule):
        del sys.modules[NAME]
    return import_module(NAME)


def put_off() -> None:
    """Let the grammar be read when it is first used. Does nothing where it is not installed or is there already."""
    if NAME in sys.modules or (spec := find_spec(NAME)) is None:
        return
    later = LaterModule(NAME)
    later.__spec__, later.__path__ = spec, list(spec.submodule_search_locations or [])

    def asked(term: str, value: str) -> bool:
        return bool(getattr(real(), ASKED)(term, value))

    setattr(later, ASKED, asked)
    sys.modules[NAME] = later
