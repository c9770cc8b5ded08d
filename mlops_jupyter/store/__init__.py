"""The ledger on disk: the only floor that speaks SQL. `open_store` is the door."""

from mlops_jupyter.store.store import Store, open_store

__all__ = ["Store", "open_store"]
