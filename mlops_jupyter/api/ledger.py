"""The door to everything recorded: whoever reads ships first, so a ledger is never behind the cells that have run.

Opening is: the store, then the outboxes that belong to it, then the runs of the sessions that changed. A process that reads
again and again keeps its store and remembers how far it has read each outbox; where nothing is new, that costs one stat and one
try of a lock for each living kernel, and one query.
"""

from __future__ import annotations

import atexit
import functools
import logging
import shutil
import tempfile
from pathlib import Path

from mlops_jupyter.capture.vault import clear
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import AnyStore, MlopsError, StoreError
from mlops_jupyter.entities.kept import prune_kept
from mlops_jupyter.outbox import scrub, ship
from mlops_jupyter.store import Store, archive, open_store, open_url

log = logging.getLogger(__name__)
AT_ONCE = 20
"""Sessions whose runs are derived with one reading and one writing of the store."""


def open_ledger(url: str | None = None) -> AnyStore:
    """The store at `url`, else the configured one, with all that its kernels have recorded so far. Raises StoreError."""
    return refresh(url)[0]


def refresh(url: str | None = None) -> tuple[AnyStore, set[str]]:
    """As `open_ledger`, with the ids of the sessions that got something new by this call."""
    settings = Settings.current()
    chosen = settings if url is None else Settings(store=url, state=settings.state)
    store, seen = _kept_open(chosen)
    try:
        shipped = ship(chosen.outbox_folder(), store, seen=seen)
    except OSError as error:
        raise StoreError(f"what kernels have recorded cannot be read: {error.filename}: {error.strerror}",
                         "check your rights on it, and `ulimit -n`, then try again") from error
    return store, shipped.sessions | (derive_runs(store) if isinstance(store, Store) else set())  # a server derives its own


def opened() -> AnyStore:
    """The configured store alone: for who appends to it, or asks for what no kernel records."""
    return _kept_open(Settings.current())[0]


def _kept_open(settings: Settings) -> tuple[AnyStore, dict[str, int]]:
    url = settings.store_url()
    return _opened(url, _inode(url))


def derive_runs(store: Store) -> set[str]:
    """Derive the runs of every session that has changed. One that cannot be derived is logged and hides no other."""
    from mlops_jupyter.lineage.runs import derive

    changed = store.changed_sessions()
    for start in range(0, len(changed), AT_ONCE):
        derived = []
        for one in store.facts(changed[start:start + AT_ONCE]):
            try:
                derived.append((one.session.id, one.revision, derive(one.session, one.executions, one.observations)))
            except MlopsError:
                raise
            except Exception:
                log.exception("The runs of session %s cannot be derived; please report this", one.session.id)
        store.replace_runs(derived)
    return set(changed)


def scrub_outboxes(store: AnyStore) -> None:
    """After `forget`: what the configured outboxes still hold of shipped records is overwritten, and no checkpoint stays.

    Nor do the profiles that somebody looked at (api/profiles.py): what is forgotten may be in any of them.
    """
    folder = Settings.current().outbox_folder()
    scrub(folder, store)
    clear(folder.parent)
    shutil.rmtree(Settings.current().profiles_folder(), ignore_errors=True)

    def is_there(digest: str) -> bool:
        return store.has_blob(digest) or (folder / "blobs" / digest.removeprefix("sha256:")).exists()

    prune_kept(folder.parent / "kept", is_there)


@functools.lru_cache(maxsize=4)
def _opened(url: str, inode: int) -> tuple[AnyStore, dict[str, int]]:
    """A store with the memory of how far its outboxes were read. Another file under the same name is another store."""
    del inode
    return (_open_archive(Path(url)) if _is_archive(url) else open_url(url)), {}


def _is_archive(url: str) -> bool:
    return url.endswith(archive.SUFFIX) and Path(url).is_file()


def _open_archive(path: Path) -> Store:
    """A store of what an archive carries, to be looked at: in a folder that goes with this process, closed to writing."""
    folder = tempfile.mkdtemp(prefix="mlops-archive-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    writable = open_store(folder)
    archive.merge(path, writable)
    derive_runs(writable)
    writable.close()
    return open_store(f"sqlite:///file:{folder}/ledger.db?mode=ro&uri=true", create=False)


def _inode(url: str) -> int:
    """The number of the store's file, made if it is not there; 0 for a database of a server."""
    if "://" in url:
        return 0
    file = Path(url) if _is_archive(url) else Path(url) / "ledger.db"
    if not file.exists():
        open_url(url).close()
    return file.stat().st_ino
