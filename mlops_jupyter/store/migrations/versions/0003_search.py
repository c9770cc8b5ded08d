"""What runs are searched by: their marks, the packages of environments, the word of a verdict.

Marks follow from runs, and runs from what was recorded: every session counts as changed, so that whoever opens the store next
derives them.
"""

from __future__ import annotations

import json
import re

from alembic import op
from sqlalchemy import Column, Double, Integer, String, Text, text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables and fill what follows from the store alone."""
    op.create_table(
        "marks", Column("run", String(200), primary_key=True),
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("kind", String(20), nullable=False), Column("name", Text, nullable=False), Column("text", Text, nullable=False),
        Column("number", Double),
    )
    op.create_index("marks_run", "marks", ["run", "kind", "name", "number"])
    op.create_index("marks_number", "marks", ["kind", "name", "number", "run"])
    op.create_index("marks_text", "marks", ["kind", "name", "text", "run"])
    op.create_table(
        "packages", Column("environment", String(200), primary_key=True), Column("name", String(200), primary_key=True),
        Column("version", String(200), nullable=False),
    )
    op.create_index("packages_name", "packages", ["name", "version", "environment"])
    op.create_index("runs_newest", "runs", ["started", "number", "id"])
    op.add_column("verifications", Column("verdict", String(30), nullable=False, server_default=""))
    connection = op.get_bind()
    for key, body in connection.execute(text("select id, body from verifications")).all():
        connection.execute(text("update verifications set verdict = :verdict where id = :id"),
                           {"id": key, "verdict": json.loads(body)["verdict"]})
    for key, body in connection.execute(text("select id, body from environments")).all():
        packages = {re.sub(r"[-_.]+", "-", one["name"]).lower()[:200]: one["version"][:200]
                    for one in json.loads(body).get("distributions", [])}
        for name, version in packages.items():
            connection.execute(text("insert into packages (environment, name, version) values (:id, :name, :version)"),
                               {"id": key, "name": name, "version": version})
    connection.execute(text("update sessions set revision = revision + 1"))
