"""The tables. An entity is stored whole, as JSON text in `body`; the columns beside it are what is searched and joined by.

So a new field of an entity needs no migration unless something searches by it. `revision` of a session counts the batches that
touched it; `derived` is the revision from which its runs were derived last. Changing a table means a new file in
`migrations/versions` and a new `VERSION` here; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

VERSION = "0005"
VERSIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every version that this package can open, oldest first; the older ones are migrated when they are opened."""

metadata = MetaData()


def _key(name: str) -> Column[str]:
    return Column(name, String(200), primary_key=True)


def _checksum() -> Column[str]:
    """Of the row, so that a damaged one is found; see `database.checksum`."""
    return Column("checksum", String(32), nullable=False, server_default="")


writers = Table(
    "writers", metadata, _key("id"),
    Column("n", Integer, nullable=False), Column("position", BigInteger, nullable=False), Column("closed", Double),
)
environments = Table("environments", metadata, _key("id"), Column("body", Text, nullable=False), _checksum())
sessions = Table(
    "sessions", metadata, _key("id"),
    Column("writer", String(200), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("started", Double, nullable=False, index=True),
    Column("kernel", String(200), nullable=False, index=True),
    Column("notebook", String(200), nullable=False, index=True),
    Column("path", Text, nullable=False, index=True),
    Column("experiment", String(200), nullable=False, index=True),
    Column("environment", String(200)),
    Column("revision", Integer, nullable=False),
    Column("derived", Integer, nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
executions = Table(
    "executions", metadata, _key("session"),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("state", String(20), nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
observations = Table(
    "observations", metadata, _key("session"),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
experiments = Table("experiments", metadata, _key("id"), Column("name", Text, nullable=False))
goals = Table(
    "goals", metadata, _key("experiment"),
    Column("at", Double, primary_key=True),
    Column("body", Text, nullable=False), _checksum(),
)
runs = Table(
    "runs", metadata, _key("id"),
    Column("session", String(200), nullable=False, index=True),
    Column("experiment", String(200), nullable=False),
    Column("number", Integer, nullable=False, index=True),
    Column("started", Double, nullable=False, index=True),
    Column("deleted", Boolean, nullable=False),
    Column("body", Text, nullable=False), _checksum(),
    UniqueConstraint("experiment", "number", name="runs_number"),
)
verifications = Table(
    "verifications", metadata, _key("id"),
    Column("run", String(200), nullable=False, index=True),
    Column("session", String(200), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("verdict", String(30), nullable=False, server_default=""),
    Column("body", Text, nullable=False), _checksum(),
)
remarks = Table(
    "remarks", metadata, _key("run"),
    Column("session", String(200), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
submissions = Table(
    "submissions", metadata, _key("id"),
    Column("job", String(200), nullable=False),
    Column("run", String(200), nullable=False),
    Column("at", Double, nullable=False),
    Column("state", String(20), nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
blobs = Table(
    "blobs", metadata, _key("digest"),
    Column("size", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
)
forgotten = Table(
    "forgotten", metadata, _key("id"),
    Column("experiment", String(200), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Double, nullable=False),
)
renames = Table(
    "renames", metadata, Column("path", String(1000), primary_key=True),
    Column("notebook", String(200), nullable=False),
    Column("experiment", String(200), nullable=False),
)
marks = Table(
    "marks", metadata, Column("run", String(200), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("number", Double),
)
"""What runs are searched by; see `store/search.py`."""
Index("marks_run", marks.c.run, marks.c.kind, marks.c.name, marks.c.number)
Index("marks_number", marks.c.kind, marks.c.name, marks.c.number, marks.c.run)
Index("marks_text", marks.c.kind, marks.c.name, marks.c.text, marks.c.run)
packages = Table(
    "packages", metadata, Column("environment", String(200), primary_key=True), Column("name", String(200), primary_key=True),
    Column("version", String(200), nullable=False),
)
Index("packages_name", packages.c.name, packages.c.version, packages.c.environment)
tokens = Table(
    "tokens", metadata, _key("id"),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("body", Text, nullable=False), _checksum(),
)
Index("runs_newest", runs.c.started, runs.c.number, runs.c.id)
Index("verifications_newest", verifications.c.run, verifications.c.at)
