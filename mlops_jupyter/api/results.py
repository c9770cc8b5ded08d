"""What jobs made: results by name from a run, as what they were; and as the input of another job.

`mlops.results("RUN")["features"]` is the frame that the job made, `-i features=run:RUN/features` gives it to the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import InputError, Ledger, NotFoundError, Observation, Run
from mlops_jupyter.fingerprint.written import TABLES, Written, read

PREFIX = "run:"
_ENDINGS = {".parquet": "parquet", ".pq": "parquet", ".npy": "npy", ".json": "json", ".pkl": "pickle", ".pickle": "pickle",
            ".joblib": "joblib"}


class Results(Mapping[str, object]):
    """The results of one run by name: metrics as numbers, variables, models and files (as bytes). Each is read when asked for."""

    def __init__(self, run: Run, kept: Mapping[str, Observation], ledger: Ledger) -> None:
        self.run = run
        self._kept = kept
        self._ledger = ledger
        self._metrics = {metric.name: metric.value for metric in run.metrics if not metric.key}

    def __getitem__(self, name: str) -> object:
        if name in self._kept:
            written = self.written(name)
            return written.data if written.how == "file" else read(written)
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._kept, *self._metrics]))

    def __len__(self) -> int:
        return len({*self._kept, *self._metrics})

    def __repr__(self) -> str:
        return f"Results({', '.join(self)})"

    def written(self, name: str) -> Written:
        """The bytes of a result, their format and type. KeyError for a name that none has."""
        one = self._kept[name]
        return Written(self._ledger.get_blob(str(one.blob)), one.details["format"], one.details["type"])


def results(run: str) -> Results:
    """The results of the run of a job, by its id, a prefix of it, or `#number`. Raises NotFoundError if there is none."""
    ledger = open_ledger()
    found = ledger.run(run)
    kept = {one.details["result"]: one for one in ledger.observations(found.session)
            if one.kind == "artifact" and "result" in one.details and one.blob}
    return Results(found, kept, ledger)


class Source(NamedTuple):
    """`run:RUN/NAME`, read: what a job takes from another's run."""

    run: str
    name: str


def source_of(given: str) -> Source | None:
    """The run and the result that an input names; None for a path or an address."""
    if not given.startswith(PREFIX):
        return None
    run, slash, name = given.removeprefix(PREFIX).partition("/")
    if not slash or not run or not name:
        raise InputError(f"{given!r} names no result of a run", "write it as -i NAME=run:RUN/RESULT; mlops runs list shows runs")
    return Source(run, name)


def fetch(source: Source, wanted: str, folder: Path) -> Path:
    """The result as a file that opens where the job opens `wanted`. InputError if its format is another one."""
    found = results(source.run)
    if source.name not in found:
        raise NotFoundError(f"run {source.run} has no result {source.name!r}", f"it has {', '.join(found) or 'none'}")
    if source.name not in found._kept:
        raise InputError(f"{source.name} of run {source.run} is a number, and no file", "give it as a parameter: -p NAME=VALUE")
    written = found.written(source.name)
    ending = Path(wanted).suffix.lower()
    file = folder / f"{source.run.lstrip('#')[:12]}-{Path(source.name).stem}{ending}"
    if written.how == "file" or _ENDINGS.get(ending) == written.how:
        file.write_bytes(written.data)
    elif written.how in TABLES and ending in {".csv", ".feather"}:
        from mlops_jupyter.api.frames import write_table

        write_table(written.data, file)
    else:
        raise InputError(f"{source.name} of run {source.run} is a {written.type}, kept as {written.how}; the job reads {wanted}",
                         f"let the job read a file that ends with .{written.how}, or write one: "
                         f'mlops.results("{source.run}")["{source.name}"]')
    return file
