"""Alembic runs this file for every command: it uses the connection and the transaction that `store/database.py` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from mlops_jupyter.store.schema import metadata


def migrate(connection: Connection) -> None:
    """Run the steps inside the caller's transaction: all of them or none."""
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


migrate(context.config.attributes["connection"])
