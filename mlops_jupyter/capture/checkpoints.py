"""Checkpoints of a job: what a costly cell left is kept, and where all that it rests on is the same, it is brought back instead.

Each variable has a version: the digest of its content together with the key of the cell that last wrote it. The key of a cell is
a digest of its text, of the versions of what it read, of the files and queries that it read, of the random states that it drew
from, of the packages and of the user's own modules. Cheap cells always run; so the process around a cell that is brought
back (imports, options, functions, classes) is real. What is not known to come back exactly is not kept, and the cell runs again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mlops_jupyter.capture.needs import Needs, cell_digest, literals
from mlops_jupyter.capture.parcels import Parcel, RefusedError, pack, unpack
from mlops_jupyter.capture.randomness import restore, serialize
from mlops_jupyter.capture.unwrap import Transform
from mlops_jupyter.capture.vault import Room, Vault
from mlops_jupyter.entities.checkpoints import Checkpoint, Plan, Told
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.entities.ids import content_hash
from mlops_jupyter.entities.sessions import CellExecution, FileAccess, Observation, RandomState
from mlops_jupyter.fingerprint import fingerprint, fingerprint_file

_BYTES_PER_SECOND = 400e6
"""Hashed and written, until it was seen how many."""
_TELLING = 8 << 20
"""Bytes whose time tells."""
_OUTPUTS = 8 << 20
_FILES = "$file "
_UNTOUCHED = "untouched"
_FILE = 512 << 20


class Host(Protocol):
    """The session in which it happens."""

    @property
    def id(self) -> str:
        """Of the session."""

    @property
    def namespace(self) -> dict[str, object]:
        """The user's."""

    def environment(self) -> str:
        """Id of the packages and the interpreter."""

    def settle(self) -> None:
        """Wait until all values of the last cell are read."""

    def adopt(self, found: Mapping[str, Fingerprint]) -> None:
        """These names were bound by us, and hold this; others were deleted."""

    def sharing(self, names: Collection[str]) -> tuple[set[str], set[str]]:
        """Other variables, and modules, that may hold an object or memory of what these hold."""

    def replay(self, execution: CellExecution, observations: Sequence[Observation], values: Mapping[str, object]) -> int:
        """Record that this happened, as it did elsewhere; its number here."""

    def holds_secret(self, data: bytes | memoryview) -> bool:
        """True if a known secret is in it."""


class Checkpoints:
    """Of one run. `heard` is told each record of the session, secrets out."""

    def __init__(self, host: Host, plan: Plan, vault: Vault, transform: Transform, redact: Callable[[str], str]) -> None:
        self._host = host
        self._plan = plan
        self._vault = vault
        self._needs = Needs([transform(text) if text else "" for _, text in plan.cells], plan.results, transform)
        self._cells = [cell_digest(redact(transform(text))) if text else "" for _, text in plan.cells]
        self._executions: dict[int, CellExecution] = {}
        self._observations: dict[int, dict[int, Observation]] = {}
        self._newest: dict[str, int] = {}
        self._versions: dict[str, str] = {}
        self._keys: dict[int, str] = {}
        self._touched: set[str] = set()
        self._there = {str(file) for file in Path().rglob("*") if file.is_file()}
        """Files of the folder before the first cell."""
        self._fresh: dict[int, tuple[str, ...]] = {}
        self._seconds = 0.0
        self._spent = 0.0
        self._rate = _BYTES_PER_SECOND

    def heard(self, entity: object) -> None:
        """A record was written."""
        if isinstance(entity, CellExecution) and entity.state != "running":
            self._executions[entity.n] = entity
            if entity.cell:
                self._newest[entity.cell] = entity.n
        elif isinstance(entity, Observation):
            self._observations.setdefault(entity.n, {})[entity.seq] = entity

    # keeping

    def keep(self, place: int, outputs: str) -> Told:
        """The cell at `place` of the plan took long, and has ended well: keep what it left, if it can be brought back."""
        started = time.monotonic()
        self._host.settle()
        self._advance()
        cell, _ = self._plan.cells[place]
        execution = self._executions.get(self._newest.get(cell, 0))
        if execution is None:
            return Told(done=False, why="it was not recorded")
        left = self._plan.share * self._seconds - self._spent
        try:
            kept = self._checkpoint(place, execution, outputs, left)
            self._vault.put(kept)
        except RefusedError as error:
            return Told(done=False, why=str(error))
        except OSError as error:
            return Told(done=False, why=f"it could not be written: {error.strerror or error}")
        finally:
            spent = time.monotonic() - started
            self._spent += spent
        if kept.nbytes > _TELLING:
            self._rate = kept.nbytes / spent
        return Told(done=True, nbytes=kept.nbytes)

    def _checkpoint(self, place: int, execution: CellExecution, outputs: str, left: float) -> Checkpoint:
        if self._needs.only_imports(place):
            raise RefusedError("")
        why = _unfit(execution, self._there) or self._needs.unfit(place) or _unfit_outputs(outputs)
        if why:
            raise RefusedError(why)
        written = {write.name: write for write in execution.writes}
        wanted = [name for name in self._needs.of(place, written) if name in self._host.namespace]
        for name in wanted:
            found = written[name].fingerprint
            if found.digest is None or found.coverage < 1:
                raise RefusedError(f"the content of {name} ({found.type_name}) cannot be told to its last byte")
            if found.kind in {"function", "class"}:
                raise RefusedError(f"it defines {name}")
        parcel = self._packed(wanted, execution, left) if wanted else None
        room = Room(self._vault)
        values = room.put(parcel.pickled) if parcel is not None else ""
        return Checkpoint(
            key=self._keys[execution.n], cell=self._cells[place], at=time.time(), execution=execution,
            observations=self._observed(execution), places=self._places(execution), values=values,
            buffers=[room.put(buffer) for buffer in parcel.buffers] if parcel is not None else [],
            names=wanted, files={one.relative: room.put(_file(one)) for one in _written(execution)},
            random={source: room.put(serialize(source)) for source in _drawn(execution)},
            untouched=list(self._fresh[execution.n]),
            outputs=outputs, prompt=execution.prompt, nbytes=room.nbytes,
        )

    def _packed(self, wanted: Sequence[str], execution: CellExecution, left: float) -> Parcel:
        names = self._host.namespace
        sharing, modules = self._host.sharing(wanted)
        if modules:
            raise RefusedError(f"the module {min(modules)} holds a part of it too")
        beside = ({read.name for read in execution.reads} | sharing) & names.keys() - {write.name for write in execution.writes}
        others = {name: names[name] for name in sorted(beside)}
        parcel = pack({name: names[name] for name in wanted}, others, left)
        if parcel.nbytes / self._rate > left:
            raise RefusedError(f"{parcel.nbytes / 2**20:,.0f} MiB take too long beside what the cells took")
        if self._host.holds_secret(parcel.pickled) or any(map(self._host.holds_secret, parcel.buffers)):
            raise RefusedError("a known secret is in it")
        return parcel

    def _observed(self, execution: CellExecution) -> list[Observation]:
        found = self._observations.get(execution.n, {})
        return [found[seq] for seq in sorted(found)]

    def _places(self, execution: CellExecution) -> dict[int, str]:
        """The cells of the executions that the observations of this one name."""
        named = {int(key.split(":")[1]) for one in self._observed(execution) for key in one.models}
        return {n: self._executions[n].cell for n in sorted(named) if n in self._executions}

    # bringing back

    def take(self, place: int) -> Told:
        """The cell at `place` is about to run: bring back what it left once, if all that it rests on is the same."""
        if not self._plan.resume or not self._cells[place]:
            return Told(done=False)
        self._host.settle()
        self._advance()
        why = ""
        try:
            for kept in self._vault.find(self._cells[place]):
                why = self._changed(place, kept) or self._bring(place, kept)
                if not why:
                    self._vault.used(kept)
                    return Told(done=True, outputs=kept.outputs, prompt=kept.prompt, since=kept.execution.started or kept.at,
                                seconds=kept.execution.seconds or 0.0, nbytes=kept.nbytes)
        except InputError as error:
            why = f"{error.what}: {error.remedy}"
        return Told(done=False, why=why)

    def _changed(self, place: int, kept: Checkpoint) -> str:
        """What is another than it was, in words; "" if nothing is."""
        execution, random = kept.execution, kept.execution.random or RandomState()
        states = {source: _state(source) if source in self._touched else _UNTOUCHED for source in _drawn(execution)}
        now = {_path(one): fingerprint_file(Path(_path(one))).digest or "" for one in _read(execution)}
        if self._key(place, execution, states, now) == kept.key:
            return ""
        files = [_path(one) for one in _read(execution) if now[_path(one)] != one.fingerprint.digest]
        if files:
            return f"{files[0]} is another"
        known = {source: _UNTOUCHED if source in kept.untouched else random.before.get(source, "") for source in states}
        if states != known:
            return "the random state is another"
        return "what it reads is another"

    def _bring(self, place: int, kept: Checkpoint) -> str:
        """Put everything where the cell would have put it; "" if it is there, else why the cell must run."""
        if below := self._needs.displayed(place):  # a cell that was not there when it was kept
            return below
        needed = self._needs.of(place, {write.name: write for write in kept.execution.writes})
        if missing := sorted(set(needed) - set(kept.names)):
            return f"{missing[0]} was not kept"
        names = self._host.namespace
        try:
            values = self._values(kept)
        except InputError as error:
            return error.what
        except Exception as error:  # noqa: BLE001 (whatever a value's own unpickling raises)
            return f"{type(error).__name__}: {error}"[:200]
        known = {write.name: write.fingerprint for write in kept.execution.writes}
        for name, value in values.items():
            if not fingerprint(value).same_as(known[name]):
                return f"{name} does not come back as what it was"
        for path, blob in kept.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(self._vault.blob(blob))
        for name in kept.execution.deletes:
            names.pop(name, None)
        names.update(values)
        for source, blob in kept.random.items():
            restore(source, bytes(self._vault.blob(blob)))
        self._host.adopt({name: known[name] for name in values})
        self._replay(place, kept, values)
        return ""

    def _values(self, kept: Checkpoint) -> dict[str, object]:
        if not kept.values:
            return {}
        buffers = [self._vault.blob(name) for name in kept.buffers]
        return unpack(bytes(self._vault.blob(kept.values)), buffers, self._host.namespace)

    def _replay(self, place: int, kept: Checkpoint, values: Mapping[str, object]) -> None:
        cell, _ = self._plan.cells[place]
        old = kept.execution
        execution = msgspec.structs.replace(old, cell=cell, taken_from=old.taken_from or f"{old.session}:{old.n}")
        observations = [msgspec.structs.replace(one, models=[key for each in one.models if (key := self._here(each, kept))])
                        for one in kept.observations]
        n = self._host.replay(execution, observations, values)
        self._keys[n] = kept.key

    def _here(self, key: str, kept: Checkpoint) -> str:
        """The key of an observation in this session; "" for one of an execution that is not known here."""
        _, n, seq = key.split(":")
        if int(n) == kept.execution.n:
            return f":{seq}"
        here = self._newest.get(kept.places.get(int(n), ""))
        return "" if here is None else f"{self._host.id}:{here}:{seq}"

    # versions

    def _advance(self) -> None:
        """Versions of what the executions wrote that were recorded since the last look, in their order."""
        for n in sorted(self._executions.keys() - self._fresh.keys()):
            execution = self._executions[n]
            self._keys.setdefault(n, self._own_key(n, execution))
            self._wrote(n, execution)

    def _own_key(self, n: int, execution: CellExecution) -> str:
        if execution.opaque or execution.state == "skipped":
            return f"{self._host.id}:{n}"
        random = execution.random or RandomState()
        states = {source: random.before.get(source, "") if source in self._touched else _UNTOUCHED for source in random.drew}
        now = {_path(one): one.fingerprint.digest or "" for one in _read(execution)}
        place = next((place for place, (known, _) in enumerate(self._plan.cells) if known and known == execution.cell), None)
        return self._key(place, execution, states, now)

    def _wrote(self, n: int, execution: CellExecution) -> None:
        key, literal = self._keys[n], literals(execution.executed or execution.source)
        for write in execution.writes:
            found = write.fingerprint
            content = found.digest if found.digest is not None and found.coverage == 1 else f"{self._host.id}:{n}"
            content = "" if write.name.startswith("$") else content
            self._versions[write.name] = _digest("" if write.name in literal else key, content)
        for name in execution.deletes:
            self._versions.pop(name, None)
        for file in _written(execution):
            self._versions[_FILES + _path(file)] = _digest(key, file.fingerprint.digest or f"{self._host.id}:{n}")
        random = execution.random or RandomState()
        self._fresh[n] = tuple(source for source in random.drew if source not in self._touched)
        self._touched |= {*random.drew, *random.seeded} - {*random.by_import}
        self._seconds += execution.seconds or 0.0

    def _key(self, place: int | None, execution: CellExecution, states: Mapping[str, str], files: Mapping[str, str]) -> str:
        """What it may have bound to what was there already counts as read."""
        cell = self._cells[place] if place is not None else cell_digest(execution.executed or execution.source)
        bound = {*execution.stores, *(self._needs.bound(place) if place is not None else ())}
        names = {read.name for read in execution.reads} | (bound - {write.name for write in execution.writes})
        names |= {_FILES + _path(file) for file in _written(execution)}  # what was in it may be part of what it holds now
        reads = [(name, self._versions.get(name, "")) for name in sorted(names)]
        queries = [(query.text, query.source, query.fingerprint.digest or self._host.id) for query in execution.queries]
        outside = [sorted(files.items()), sorted(states.items()), queries]
        return _digest(self._plan.base, self._host.environment(), cell, reads, outside)


def _digest(*parts: object) -> str:
    return content_hash(msgspec.json.encode(parts)).rpartition(":")[2]


def _state(source: str) -> str:
    """Name of the state of a random source now, as records have it; "" if nobody has imported it."""
    try:
        return content_hash(serialize(source))
    except InputError:
        return ""


def _path(access: FileAccess) -> str:
    return access.relative or access.path


def _read(execution: CellExecution) -> list[FileAccess]:
    return [one for one in execution.files if one.mode == "read"]


def _written(execution: CellExecution) -> list[FileAccess]:
    return [one for one in execution.files if one.mode == "write"]


def _file(access: FileAccess) -> bytes:
    if not access.relative:
        raise RefusedError(f"it writes {access.path}, outside the folder of the job")
    if (size := Path(access.relative).stat().st_size) > _FILE:
        raise RefusedError(f"it writes {access.relative}, which has {size:,} bytes")
    return Path(access.relative).read_bytes()


def _drawn(execution: CellExecution) -> list[str]:
    return sorted(execution.random.drew) if execution.random is not None else []


def _unfit(execution: CellExecution, there: set[str]) -> str:
    """Why the record alone says that the cell cannot be brought back; "" if it does not."""
    written = {_path(one) for one in _written(execution)}
    hidden = [write.name.removeprefix("$env ").removeprefix("$") for write in execution.writes if write.name.startswith("$")]
    reasons = [
        *([f"it ended with {execution.state}"] if execution.state != "ok" else []), *execution.opaque, *execution.effects,
        *(f"it asks {query.source or 'a database'}, which may answer otherwise" for query in execution.queries),
        *(f"it imports {name}: an import in a cell of its own lets the rest be kept" for name in execution.imports),
        *(["it changed what is installed"] if execution.environment else []),
        *(f"it changed {name}, which no variable holds" for name in hidden),
        *(f"it writes {path}, which was there before" for path in sorted(written & there)),
        *(f"it reads and writes {path}" for path in sorted(written & {_path(one) for one in _read(execution)})),
    ]
    return reasons[0] if reasons else ""


def _unfit_outputs(outputs: str) -> str:
    if len(outputs) > _OUTPUTS:
        return f"its outputs have {len(outputs):,} characters"
    return "it shows a widget" if "application/vnd.jupyter.widget-view+json" in outputs else ""
