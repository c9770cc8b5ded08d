"""The state of the global random generators around each cell: enough to say who drew, and to put the state back.

One file for each source: `python` (module `random`), `numpy` (the legacy global) and `torch` (the generator of the CPU), the
last two only if the user has imported them. A state is kept as JSON, never as a pickle, so that restoring one runs nothing.
Reading a state draws nothing.
"""

from mlops_jupyter.capture.randomness.generators import Generators, restore, serialize

__all__ = ["Generators", "restore", "serialize"]
