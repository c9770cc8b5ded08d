"""Where a store is, from its URL: a folder, a database, a server; and where its blobs are."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mlops_jupyter.entities import AnyStore, InputError, derived_id
from mlops_jupyter.store.blobs import BlobFolder, Blobs
from mlops_jupyter.store.bucket import Bucket
from mlops_jupyter.store.database import Database, file_of, shown
from mlops_jupyter.store.store import Store

_URLS = "set MLOPS_STORE to a folder, sqlite:///FILE, postgresql+psycopg://HOST/DATABASE or https://HOST"


def open_url(url: str) -> AnyStore:
    """The store at a folder, an SQL URL or the address of a server. Raises StoreError where it cannot be had."""
    if url.startswith(("http://", "https://")):
        from mlops_jupyter.store.remote import connect

        return connect(url)
    return open_store(url)


def open_store(url: str, *, create: bool = True) -> Store:
    """The store at a folder or an SQL URL, migrated to this version. Raises StoreError where it cannot be had."""
    if "://" not in url:
        folder = Path(url).expanduser().absolute()
        database = Database(URL.create("sqlite", database=str(folder / "ledger.db")), create=create)
        return Store(str(folder), database, BlobFolder(folder / "blobs"))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("the store's URL cannot be read", _URLS) from None
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise InputError(f"a store cannot be behind {parsed.get_backend_name()}://", _URLS)
    database = Database(parsed, create=create)
    return Store(database.name, database, _blobs_of(parsed))


def _blobs_of(url: URL) -> Blobs:
    """Beside an SQLite file; for a server's database `$MLOPS_BLOBS`, a folder or a bucket's URL, else a folder of the user's."""
    file = file_of(url)
    if file is not None:
        return BlobFolder(file.absolute().parent / "blobs")
    chosen = os.environ.get("MLOPS_BLOBS")
    if chosen and "://" in chosen:
        return Bucket(chosen)
    return BlobFolder(Path(chosen) if chosen else Path(jupyter_data_dir()) / "mlops-blobs" / derived_id(shown(url)))
