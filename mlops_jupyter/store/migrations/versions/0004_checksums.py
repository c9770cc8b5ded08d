"""A checksum of each row that holds an entity, so that `mlops fsck` finds a damaged one."""

from __future__ import annotations

import xxhash
from alembic import op
from sqlalchemy import Column, String, text

revision = "0004"
down_revision = "0003"

TABLES = {
    "environments": ("id",), "sessions": ("id",), "executions": ("session", "n"), "observations": ("session", "n", "seq"),
    "goals": ("experiment", "at"), "runs": ("id",), "verifications": ("id",), "submissions": ("id",), "tokens": ("id",),
}
UNCHECKED = {"sessions": {"revision", "derived", "environment"}, "runs": {"deleted"}}


def upgrade() -> None:
    """Add the column and fill it."""
    connection = op.get_bind()
    for table, keys in TABLES.items():
        op.add_column(table, Column("checksum", String(32), nullable=False, server_default=""))
        where = " and ".join(f"{key} = :{key}" for key in keys)
        for row in connection.execute(text(f"select * from {table}")).mappings().all():  # noqa: S608 (names from above)
            said = sorted((name, value) for name, value in row.items()
                          if name != "checksum" and name not in UNCHECKED.get(table, set()))
            found = xxhash.xxh3_128_hexdigest(repr([table, *said]).encode("utf-8", "surrogatepass"))
            values = {**{key: row[key] for key in keys}, "checksum": found}
            connection.execute(text(f"update {table} set checksum = :checksum where {where}"), values)  # noqa: S608
