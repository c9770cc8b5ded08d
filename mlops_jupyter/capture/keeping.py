"""Keeping the files that cells read (`%mlops track --keep-data 2GB`), so that a result can be verified after they changed.

All of it happens in one thread after the cell. A file is read leaf by leaf, and what was read must have the fingerprint that
the cell's record has: else it changed meanwhile, is not kept, and that is said. Where a file is not kept (too large for what is
left of SIZE, or too late), the version that its own source knows is noted: git's blob, DVC's md5.
"""

from __future__ import annotations

import hashlib
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_128

from mlops_jupyter.capture.environment import run_git
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.ids import content_hash
from mlops_jupyter.entities.kept import LEAF, Manifest, encode_manifest, kept_manifests, manifest_of
from mlops_jupyter.entities.protocols import Recorder
from mlops_jupyter.entities.sessions import FileAccess, Observation
from mlops_jupyter.fingerprint.files import digest_text

FIRST = 1_000_000
"""`seq` of the first observation of a kept file in an execution: above those of the calls, which are numbered meanwhile."""
_DVC_MD5 = re.compile(r"^\s*-?\s*md5:\s*([0-9a-f]{32})\s*$", re.MULTILINE)
_DVC_BYTES = 256 << 20
"""Larger files are not read for their md5: DVC's word is taken where the size agrees."""
_STOP = None


class _ChangedError(Exception):
    """The file is not what the cell read any more."""


@dataclass(frozen=True)
class _Task:
    n: int
    accesses: Sequence[FileAccess]


class Keeping:
    """Keeps files of one session. `unseen()`: what this thread opens meanwhile is not taken for the user's."""

    def __init__(self, session: str, recorder: Recorder, folder: Path, limit: int,
                 unseen: Callable[[], AbstractContextManager[None]]) -> None:
        self._session = session
        self._recorder = recorder
        self._folder = folder
        self._limit = limit
        self._unseen = unseen
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._done: set[str | None] = set()
        self._sizes: dict[str, int] = {}
        """Leaf → bytes of everything that this machine keeps for the store."""
        self._looked = -1
        self.failures: list[str] = []

    def cell_ended(self, n: int, accesses: Sequence[FileAccess]) -> None:
        """Execution `n` read these files: those with a known content that were not looked at yet are kept soon."""
        fresh = {one.fingerprint.digest: one for one in accesses if one.mode == "read" and one.fingerprint.digest
                 and "://" not in one.path and one.fingerprint.digest not in self._done}
        if not fresh:
            return
        self._done |= {*fresh}
        self._tasks.put(_Task(n, list(fresh.values())))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="mlops-keep", daemon=True)
            self._thread.start()

    def close(self, wait: float | None) -> None:
        """No more to come; wait that long (None: until it is done) for what is under way."""
        if self._thread is not None:
            self._tasks.put(_STOP)
            self._thread.join(wait)

    def _work(self) -> None:
        with self._unseen():
            while (task := self._tasks.get()) is not None:
                for at, access in enumerate(task.accesses):
                    try:
                        self._recorder.record(self._observation(task.n, FIRST + at, access))
                    except Exception as error:  # noqa: BLE001 (a thread of ours: said in the session's notes)
                        self.failures.append(f"{access.path} could not be kept: {type(error).__name__}: {error}")

    def _observation(self, n: int, seq: int, access: FileAccess) -> Observation:
        manifest, why = self._keep(Path(access.path), access.fingerprint)
        details = {"kept": "no", "why": why} if manifest is None else {"kept": "yes"}
        version = source_version(Path(access.path)) if manifest is None and why != _CHANGED else ""
        return Observation(
            session=self._session, n=n, seq=seq, at=time.time(), kind="dataset", name=access.relative or access.path,
            fingerprint=access.fingerprint, blob=manifest, details={**details, **({"version": version} if version else {})},
        )

    def _keep(self, file: Path, found: Fingerprint) -> tuple[str | None, str]:
        """(blob of the manifest, "") or (None, why not)."""
        digest, size = str(found.digest), found.nbytes or 0
        known = self._folder / f"{digest.rpartition(':')[2]}.json"
        self._look()
        try:
            if known.exists() and manifest_of(known.read_bytes()) is not None:
                return self._recorder.blob(known.read_bytes()), ""
            used = sum(self._sizes.values())
            if used + size > self._limit and used + self._new_bytes(file) > self._limit:
                return None, f"it has {size:,} bytes, and {used:,} of the {self._limit:,} to keep are used"
            manifest = self._read(file, digest)
        except _ChangedError:
            return None, _CHANGED
        except OSError as error:
            return None, f"it could not be read: {error.strerror or error}"
        data = encode_manifest(manifest)
        blob = self._recorder.blob(data)
        self._sizes |= manifest.sizes()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = known.with_name(f".{known.name}.{self._session}")
        beside.write_bytes(data)
        beside.replace(known)
        self._looked = self._time()
        return blob, ""

    def _read(self, file: Path, digest: str) -> Manifest:
        """The file's leaves, kept; _ChangedError if it is not what was fingerprinted."""
        whole, leaves, size = xxh3_128(), [], 0
        for data in _leaves(file):
            whole.update(data)
            size += len(data)
            leaf = content_hash(data)
            leaves.append(leaf if leaf in self._sizes else self._recorder.blob(data))
        if digest_text(whole.hexdigest()) != digest:
            raise _ChangedError
        return Manifest(digest, size, tuple(leaves))

    def _new_bytes(self, file: Path) -> int:
        """Bytes of the leaves that are not kept yet."""
        new = {content_hash(data): len(data) for data in _leaves(file)}
        return sum(size for leaf, size in new.items() if leaf not in self._sizes)

    def _look(self) -> None:
        """Read what is kept again where another session, or `forget`, changed the folder."""
        now = self._time()
        if now != self._looked:
            self._looked = now
            self._sizes = {leaf: size for manifest in kept_manifests(self._folder) for leaf, size in manifest.sizes().items()}

    def _time(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0


_CHANGED = "it changed before it was kept"


def _leaves(file: Path) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as opened:
        while data := opened.read(LEAF):
            while len(data) < LEAF and (more := opened.read(LEAF - len(data))):
                data += more
            yield data


def source_version(file: Path) -> str:
    """The version that the file's own source has of these very bytes: `dvc:<md5>`, `git:<blob>@<commit>`; "" if none has."""
    try:
        return _dvc(file) or _git(file)
    except (OSError, subprocess.SubprocessError):
        return ""


def _dvc(file: Path) -> str:
    beside = file.with_name(f"{file.name}.dvc")
    if not beside.is_file():
        return ""
    text = beside.read_text(errors="replace")
    found, size = _DVC_MD5.search(text), re.search(r"^\s*size:\s*(\d+)", text, re.MULTILINE)
    actual = file.stat().st_size
    if found is None or (size is not None and int(size[1]) != actual):
        return ""
    if actual <= _DVC_BYTES:
        md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        return f"dvc:{md5}" if md5 == found[1] else ""
    return f"dvc:{found[1]}" if size is not None else ""


def _git(file: Path) -> str:
    """The blob of a tracked file that is as committed."""
    if run_git(file.parent, "status", "--porcelain", "--untracked-files=no", "--", file.name) != b"":
        return ""
    entry = run_git(file.parent, "ls-tree", "HEAD", "--", file.name)
    commit = run_git(file.parent, "rev-parse", "HEAD")
    words = (entry or b"").decode(errors="replace").split()
    return f"git:{words[2]}@{commit.decode().strip()}" if commit and len(words) >= 4 and words[1] == "blob" else ""
