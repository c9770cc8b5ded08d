"""What people said of runs: stars, tags, baselines."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, String, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "remarks", Column("run", String(200), primary_key=True), Column("session", String(200), nullable=False),
        Column("at", Double, nullable=False), Column("body", Text, nullable=False),
        Column("checksum", String(32), nullable=False, server_default=""),
    )
    op.create_index("ix_remarks_session", "remarks", ["session"])
