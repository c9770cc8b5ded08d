"""The ledger on disk: the only floor that speaks SQL. `open_url` is the door; `open_store` that to a database of one's own."""

from mlops_jupyter.store.opening import open_store, open_url
from mlops_jupyter.store.store import Store

__all__ = ["Store", "open_store", "open_url"]
