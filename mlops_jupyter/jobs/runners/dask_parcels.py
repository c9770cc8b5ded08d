"""What goes to a Dask cluster and what comes back from it, on the side of whoever submits and looks. It does not ask the cluster.

Out go the packed bundle and the files of this machine that it reads, each once for its content. What comes back is a zip that an
attempt on a worker has left: only the files that an attempt leaves are taken from it, the result last, and a note of how the
submission ended is written after them.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, quote

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, NotFoundError, Sight
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.packing import pack
from mlops_jupyter.jobs.runners import Order, command
from mlops_jupyter.jobs.runners.dask_worker import BUNDLE, DELIVER, TASKS, Left, hole
from mlops_jupyter.jobs.storage import put

NOTE, LOG = "place.json", "log.txt"
_LAST_LINES = 400  # characters of the log that go into what is said of a failure
_FILES = ("runs.mlops", "output.ipynb", "result.json")  # whoever finds a result finds the rest
_MEMBER = re.compile(rf"[0-9A-Za-z_-]{{1,64}}/({'|'.join(map(re.escape, _FILES))})")
_WRITE = "make room there, or give another: --deliver PLACE"


class Place(msgspec.Struct, frozen=True):
    """A submission: the scheduler that has it, and the folder on this machine that what comes back is written to."""

    address: str
    submission: str
    to: str

    @property
    def key(self) -> tuple[str, str]:
        """Of its task."""
        return (TASKS, self.submission)

    @property
    def name(self) -> str:
        """Under which the task is published."""
        return f"{TASKS}-{self.submission}"

    @property
    def folder(self) -> Path:
        """What came back is there."""
        return Path(self.to) / self.submission

    def spelled(self) -> str:
        """As `read` takes it."""
        return f"{self.address}/{self.submission}?to={quote(self.to)}"


def place_of(order: Order, address: str) -> Place:
    """Where the order will be found."""
    away = not order.deliver or "://" in order.deliver
    to = Settings.current().submissions_folder() / "delivered" if away else Path(order.deliver).absolute()
    return Place(address, order.submission, str(to))


def read(place: str) -> Place:
    """NotFoundError for what no runner of Dask has made."""
    head, _, query = place.partition("?")
    address, _, submission = head.rpartition("/")
    to = parse_qs(query).get("to", [""])[0]
    if not re.fullmatch(r"[a-z]+://[^/\s]+", address) or not re.fullmatch(r"[0-9A-Za-z_.-]+", submission) or not to:
        raise NotFoundError(f"there is no Dask submission {place!r}", "mlops submissions list")
    return Place(address, submission, to)


class Cargo(msgspec.Struct, frozen=True):
    """What is uploaded for a job: the packed bundle, and files by the digest of their content."""

    digest: str
    bundle: bytes
    files: dict[str, bytes]
    names: dict[str, str]
    """Digest of a file → its name."""
    inputs: dict[str, str]
    """For the command: input → address, or the hole for an uploaded file."""

    def command(self, order: Order) -> list[str]:
        """Without its program, with holes for what only a worker knows."""
        deliver = order.deliver if "://" in order.deliver else DELIVER
        return command(msgspec.structs.replace(order, inputs=self.inputs, deliver=deliver), [], BUNDLE)

    def shown(self, order: Order) -> list[str]:
        """The same to be read by somebody."""
        words = self.command(order)
        known = {BUNDLE: "BUNDLE.zip", DELIVER: "DELIVERY"} | {hole(one): f"UPLOADS/{name}" for one, name in self.names.items()}
        for mark, name in known.items():
            words = [word.replace(mark, name) for word in words]
        return words

    def uploads(self) -> list[str]:
        """Each upload as a line."""
        found = [("BUNDLE.zip", self.digest, self.bundle)]
        found += [(f"UPLOADS/{self.names[digest]}", digest, data) for digest, data in self.files.items()]
        return [f"{name}: {len(data)} bytes, sha256 {digest}" for name, digest, data in found]


def cargoes(orders: Sequence[Order], limit: int) -> list[Cargo]:
    """One for each order; orders with the same bundle and inputs have the same one. InputError for more bytes than `limit`."""
    made: dict[object, Cargo] = {}
    for order in orders:
        same = _same(order)
        if same not in made:
            made[same] = _cargo(order, limit)
    return [made[_same(order)] for order in orders]


def _same(order: Order) -> object:
    return order.bundle, tuple(order.inputs.items())


def _cargo(order: Order, limit: int) -> Cargo:
    bundle = load(order.bundle)
    given = {entry.name: entry.source or entry.path for entry in bundle.manifest.inputs
             if entry.kind == "file" and not entry.carried and not entry.fixed} | order.inputs
    packed = pack(bundle)
    whole = _within(limit, "the bundle", len(packed), 0, "let it carry less")
    files, names, inputs = dict[str, bytes](), dict[str, str](), dict[str, str]()
    for name, where in given.items():
        if "://" in where:
            inputs[name] = where
            continue
        path = Path(where)
        whole = _within(limit, f"input {name}", path.stat().st_size, whole,
                        f"put it where the workers read it: -i {name}=s3://BUCKET/{path.name}")
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        files[digest], names[digest], inputs[name] = data, path.name, hole(digest)
    return Cargo(hashlib.sha256(packed).hexdigest(), packed, files, names, inputs)


def _within(limit: int, what: str, size: int, before: int, otherwise: str) -> int:
    """Bytes in all, with `size` more. InputError if they are too many."""
    whole = before + size
    if whole > limit:
        more = f", after {before} of what goes before it" if before else ""
        raise InputError(f"{what} is {size} bytes{more}; one submission uploads at most {limit}",
                         f"{otherwise}, or raise the limit: --set upload-limit={whole}")
    return whole


def noted(place: Place) -> Sight | None:
    """How it ended, if that was seen before; a note that cannot be read is none."""
    try:
        return msgspec.json.decode((place.folder / NOTE).read_bytes(), type=Sight)
    except (OSError, msgspec.DecodeError):
        return None


def note(place: Place, sight: Sight) -> Sight:
    """Write down how it ended. InputError if it cannot be written."""
    _put(to_json(sight), place.folder / NOTE, "how the submission ended")
    return sight


def taken(place: Place, left: Left) -> Sight:
    """Write what came back to the folder of the submission; how it ended. What is no delivery is left out, and said."""
    log = left["log"].decode("utf-8", "replace")
    _put(left["log"], place.folder / LOG, "the log")
    try:
        for name, data in _members(left["delivered"]):
            _put(data, place.folder / name, "what came back")
        wrong = ""
    except zipfile.BadZipFile as error:
        wrong = f"what came back is not the delivery of an attempt: {error}"
    code = left["code"]
    word = "cancelled" if left["cancelled"] else "exited" if code else "done"
    detail = wrong or (log[-_LAST_LINES:].strip() if code and not left["cancelled"] else "")
    return Sight(word, code, detail, started=left["began"], ended=left["ended"])


def _members(packed: bytes) -> list[tuple[str, bytes]]:
    """The files of attempts, results last. BadZipFile for anything else."""
    if not packed:
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            names = file.namelist()
            odd = next((name for name in names if not _MEMBER.fullmatch(name)), None)
            if odd is not None:
                raise zipfile.BadZipFile(f"it holds {odd!r}")
            return [(name, file.read(name)) for name in sorted(names, key=lambda name: _FILES.index(name.rpartition("/")[2]))]
    except (OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise zipfile.BadZipFile(str(error)) from None


def _put(data: bytes, path: Path, what: str) -> None:
    with tempfile.NamedTemporaryFile(prefix="mlops-") as file:
        file.write(data)
        file.flush()
        put(Path(file.name), str(path), what, _WRITE)
