"""The tokens of a server."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "tokens",
        Column("id", String(200), primary_key=True),
        Column("digest", String(64), nullable=False, unique=True),
        Column("created", Double, nullable=False),
        Column("body", Text, nullable=False),
    )
