"""What a table of runs asks of a store: how many there are, when, which columns; what people say of runs, and hide."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from mlops_jupyter.entities import Named, Remark, Run
from mlops_jupyter.store import remarks, runs, search
from mlops_jupyter.store.database import Database
from mlops_jupyter.store.schema import marks
from mlops_jupyter.store.schema import runs as run_table


class RunTable:
    """The part of a store that a table of runs is made of. Each method is one transaction."""

    database: Database

    def count(self, filter: str = "", *, deleted: bool = False) -> int:
        """How many runs meet a filter."""
        with self.database.read() as connection:
            found = search.find(connection, filter, "", deleted).order_by(None).with_only_columns(func.count())
            return connection.execute(found).scalar_one()

    def moments(self, filter: str = "", *, deleted: bool = False) -> list[float]:
        """When each run that meets a filter started, newest first."""
        with self.database.read() as connection:
            found = search.find(connection, filter, "", deleted).with_only_columns(run_table.c.started)
            return list(connection.execute(found).scalars())

    def names(self, experiment: str | None = None) -> list[Named]:
        """The metrics and params that runs of an experiment (its id), or of all, have; those that most have first."""
        with self.database.read() as connection:
            return _names(connection, experiment)

    def remarks(self, *, session: str | None = None) -> list[Remark]:
        """What people said of runs, newest last."""
        with self.database.read() as connection:
            return remarks.listed(connection, session)

    def remark(self, id: str, *, starred: bool | None = None, baseline: bool | None = None,
               tags: dict[str, str | None] | None = None) -> Run:
        """Star a run, make it its experiment's baseline, tag it; what is None stays as it is, a tag of None goes."""
        with self.database.write() as connection:
            found = runs.one(connection, id)
            remarks.change(connection, found, {"starred": starred, "baseline": baseline}, tags or {})
            return runs.one(connection, found.id)

    def delete_run(self, id: str) -> Run:
        """Hide a run from lists."""
        return self._mark(id, deleted=True)

    def restore_run(self, id: str) -> Run:
        """Show a hidden run again."""
        return self._mark(id, deleted=False)

    def _mark(self, id: str, *, deleted: bool) -> Run:
        with self.database.write() as connection:
            found = runs.one(connection, id)
            runs.mark(connection, found.id, deleted)
            return runs.one(connection, found.id)


def _names(connection: Connection, experiment: str | None) -> list[Named]:
    """Counted in the index alone where all runs are asked about; hidden runs count too."""
    many = func.count(marks.c.run.distinct()).label("many")
    query = select(marks.c.kind, marks.c.name, many).where(marks.c.kind.in_(["metric", "param"]))
    if experiment is not None:
        query = query.join(run_table, run_table.c.id == marks.c.run).where(
            run_table.c.experiment == experiment, run_table.c.deleted.is_(False))
    rows = connection.execute(query.group_by(marks.c.kind, marks.c.name).order_by(many.desc(), marks.c.kind, marks.c.name))
    return [Named(row.kind, row.name, row.many) for row in rows]
