"""What is kept of a costly cell of a job, so that another run can go on after it instead of running it."""

from __future__ import annotations

import msgspec

from mlops_jupyter.entities.sessions import CellExecution, Observation


class Checkpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cell's record and what it left: values, files, random states. `key` covers all that it rests on. Hashes name blobs."""

    key: str
    cell: str
    """Digest of the cell's text, without comments and blank lines."""
    at: float
    execution: CellExecution
    observations: list[Observation] = []
    places: dict[int, str] = {}
    """Execution that an observation names → id of its cell."""
    values: str = ""
    """Blob of the pickled values; "" if none is needed later."""
    buffers: list[str] = []
    """Blobs of the memory that the pickle refers to, in its order."""
    names: list[str] = []
    """Variables that `values` holds: those written that cells below, or the results, were seen to need."""
    files: dict[str, str] = {}
    """Relative path → blob of a file that the cell wrote."""
    random: dict[str, str] = {}
    """Random source → blob of its state after the cell."""
    untouched: list[str] = []
    """Random sources that it drew from or seeded, and nobody before it: their state was each kernel's own."""
    outputs: str = "[]"
    """The cell's outputs as JSON, as they stand in a notebook."""
    prompt: int | None = None
    nbytes: int = 0


class Plan(msgspec.Struct):
    """The notebook that runs: id and text of each cell, "" for one that is no code; names that are needed when it has ended."""

    cells: list[tuple[str, str]]
    results: list[str]
    base: str
    """Digest of what else every cell rests on: the user's own modules."""
    most: int
    share: float
    """Of the time that cells took so far, what keeping may take."""
    resume: bool = False


class Told(msgspec.Struct, omit_defaults=True):
    """What became of a cell: `done`: kept, or brought back; else `why` not, "" where there is nothing to say."""

    done: bool
    why: str = ""
    outputs: str = ""
    prompt: int | None = None
    since: float = 0.0
    """When the cell ran that is brought back, and for how many seconds."""
    seconds: float = 0.0
    nbytes: int = 0
