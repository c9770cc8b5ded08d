"""Modules that a command does without until something is asked of them: others import them, and seldom use them.

jsonschema imports the grammar of IRIs, which comes with Jupyter Server, and makes three parsers of it, for formats that neither
a notebook nor a job has: that takes longer than all the rest of a command's start. Papermill imports pyarrow and boto3, where
they are installed, to read notebooks from Hadoop and S3. A stand-in takes the place of such a module. Whatever is asked of it,
a name that it does not know or a call of one that it does, loads the real one, so that the answers are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

IRIS = ("rfc3987_syntax", ("is_valid_syntax",))
CLOUDS = (("boto3.session", ("Session",)), ("pyarrow.fs", ("FileSelector", "HadoopFileSystem")))
"""What papermill takes of each by name, to call it."""


class LaterModule(ModuleType):
    """Stands for the module until something is asked of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # what inspect and others ask of every module there is
            raise AttributeError(name)
        return getattr(self.real(), name)

    def real(self) -> ModuleType:
        """The module itself, loaded by the first who asks."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)

    def called(self, name: str) -> Callable[..., object]:
        """Calls what the real module has by this name."""
        def call(*args: object, **named: object) -> object:
            return getattr(self.real(), name)(*args, **named)

        return call


def put_off(name: str, asked: tuple[str, ...]) -> LaterModule | None:
    """Let the module be loaded when it is first used; None where it is not installed, or is there already."""
    top = name.partition(".")[0]
    if top in sys.modules or (spec := find_spec(top)) is None:
        return None
    later = LaterModule(name)
    if name == top:
        later.__spec__, later.__path__ = spec, list(spec.submodule_search_locations or [])
    for each in asked:
        setattr(later, each, later.called(each))
    sys.modules[name] = later
    return later


@contextmanager
def without_clouds() -> Iterator[None]:
    """Import papermill in here. What it took of other packages is loaded when it is called; nobody else meets a stand-in."""
    clouds = () if "papermill.iorw" in sys.modules else CLOUDS
    made = [later for name, asked in clouds if (later := put_off(name, asked)) is not None]
    try:
        yield
    finally:
        for later in made:
            if sys.modules.get(later.__name__) is later:
                del sys.modules[later.__name__]
