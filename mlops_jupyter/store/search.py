"""Runs that meet a filter, from 100,000 of them in milliseconds: what is searched by stands in a table of marks, with indexes.

A mark is one thing said of a run: a metric's or param's value, a tag, a dataset, a module or a column that it used. Marks follow
from the runs and are written with them. A condition that few marks meet is answered from the marks; one that many meet is
asked run by run, in the order that is wanted, until there are enough. Which it is, a look at the first few thousand marks tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from packaging.utils import canonicalize_name
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, false, func, literal, not_, or_, select
from sqlalchemy.sql.elements import SQLColumnExpression
from sqlalchemy.sql.selectable import Subquery

from mlops_jupyter.entities import Dataset, Environment, LocalModule, Run
from mlops_jupyter.store.query import Condition, Expression, Joined, Order, parse_filter, parse_order
from mlops_jupyter.store.schema import experiments as experiment_table
from mlops_jupyter.store.schema import marks, packages, runs, verifications

FEW = 3_000
"""Up to so many marks a condition is answered from them."""
LONGEST = 1_000
"""Characters of a text that are searched by: an index does not hold more."""
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": lambda one, other: one == other, "!=": lambda one, other: one != other, ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other, "<": lambda one, other: one < other, "<=": lambda one, other: one <= other,
    "like": lambda one, other: one.like(other, escape="\\"),
    "ilike": lambda one, other: func.lower(one).like(other.lower(), escape="\\"),
    "in": lambda one, other: one.in_(other), "not in": lambda one, other: one.not_in(other),
}
_TEXTS = ("notebook", "user", "name", "change", "state", "git_commit")
_FIELDS = {"id": runs.c.id, "session": runs.c.session, "number": runs.c.number, "started": runs.c.started}


def find(connection: Connection, filter: str, order_by: str, deleted: bool, limit: int | None = None,
         offset: int = 0) -> Select[tuple[str, bool]]:
    """The query for the runs that meet `filter`, ordered; over (body, deleted). InputError for words that cannot be read."""
    met: list[ColumnElement[bool]] = [] if deleted else [runs.c.deleted.is_(False)]
    expression = parse_filter(filter)
    if expression is not None:
        met.append(_where(connection, expression))
    orders = parse_order(order_by)
    first = None
    if limit is not None and orders and not _is_field(orders[0]):
        first = _first(connection, orders[0], met, limit + offset)
    query: Select[tuple[str, bool]] = select(runs.c.body, runs.c.deleted).where(*met if first is None else [runs.c.id.in_(first)])
    for order in orders:
        if _is_field(order):
            value: SQLColumnExpression[Any] = _FIELDS[order.name]
        else:
            held = _held(order, first)
            query, value = query.outerjoin(held, held.c.run == runs.c.id), held.c.value
            if order.kind == "param":  # numbers among themselves, before words
                number = held.c.number
                query = query.order_by(number.is_(None), number.desc() if order.descending else number.asc())
        query = query.order_by(value.is_(None), value.desc() if order.descending else value.asc())
    return query.order_by(runs.c.started.desc(), runs.c.number.desc(), runs.c.id).limit(limit).offset(offset)


def _is_field(order: Order) -> bool:
    return order.kind == "run" and order.name in _FIELDS


def _value(order: Order) -> SQLColumnExpression[Any]:
    numbers = order.kind == "metric" or (order.kind, order.name) == ("run", "ended")
    return marks.c.number if numbers else marks.c.text


def _first(connection: Connection, order: Order, met: Sequence[ColumnElement[bool]], enough: int) -> list[str] | None:
    """The runs of which the first `enough` in that order are some, ties included; None if it takes a look at all to know them.

    Read from the index in its order. A run may have several such marks, of which the greatest counts.
    """
    value, most = _value(order), 4 * enough + 100
    if most > FEW or order.kind == "param":
        return None
    named = and_(marks.c.kind == order.kind, marks.c.name == order.name, value.is_not(None))
    walked = select(marks.c.run, value.label("value")).join(runs, runs.c.id == marks.c.run).where(named, *met)
    rows = connection.execute(walked.order_by(value.desc() if order.descending else value.asc()).limit(most)).all()
    first = {row.run: row.value for row in reversed(rows)}  # of several marks of a run, the one that comes first
    found = list(dict.fromkeys(row.run for row in rows))
    if len(found) < enough or (len(rows) == most and first[found[enough - 1]] == rows[-1].value):
        return None
    if not order.descending:
        all_of_them = select(func.count()).select_from(marks).where(named, marks.c.run.in_(found))
        if connection.execute(all_of_them).scalar_one() > len(found):
            return None
    return found


def _held(order: Order, among: Sequence[str] | None) -> Subquery:
    """Run → the value that it is ordered by: found once for all of them, from an index, or for those `among` which it matters."""
    value = func.max(_value(order)).label("value")
    named = [marks.c.kind == order.kind, marks.c.name == order.name]
    if among is not None:
        named.append(marks.c.run.in_(among))
    return select(marks.c.run, value, func.max(marks.c.number).label("number")).where(*named).group_by(marks.c.run).subquery()


def _where(connection: Connection, expression: Expression) -> ColumnElement[bool]:
    if isinstance(expression, Joined):
        parts = [_where(connection, part) for part in expression.parts]
        return and_(*parts) if expression.how == "and" else or_(*parts) if expression.how == "or" else not_(parts[0])
    if expression.kind == "run":
        return _of_field(connection, expression)
    if expression.kind == "package":
        return _of_package(connection, expression)
    if expression.operator == "changed since":
        return _changed(connection, expression)
    return _of_mark(connection, expression.kind, expression.name, expression)


def _of_field(connection: Connection, one: Condition) -> ColumnElement[bool]:
    if one.name in _FIELDS:
        return _COMPARE[one.operator](_FIELDS[one.name], one.value)
    if one.name == "experiment":
        named = _COMPARE[one.operator](experiment_table.c.name, one.value)
        exactly = _COMPARE[one.operator](runs.c.experiment, one.value)
        found = runs.c.experiment.in_(select(experiment_table.c.id).where(named))
        return and_(exactly, found) if one.operator in ("!=", "not in") else or_(exactly, found)
    if one.name == "verdict":
        newest = select(verifications.c.verdict).where(verifications.c.run == runs.c.id).order_by(
            verifications.c.at.desc()).limit(1).scalar_subquery()
        return _COMPARE[one.operator](func.coalesce(newest, ""), one.value)
    return _of_mark(connection, "run", one.name, one)


def _of_mark(connection: Connection, kind: str, name: str, one: Condition) -> ColumnElement[bool]:
    """What has no such mark meets no condition, not even `!=`."""
    values = one.value if isinstance(one.value, list) else [one.value]
    numbers = all(isinstance(value, float) for value in values)
    column = marks.c.number if numbers and one.operator not in ("like", "ilike") else marks.c.text
    value = one.value if numbers or isinstance(one.value, list) else str(one.value)[:LONGEST]
    if not numbers and isinstance(value, list):
        value = [str(item)[:LONGEST] for item in value]
    if kind in ("dataset", "module") and one.operator == "!=":
        return not_(_having(connection, and_(marks.c.kind == kind, marks.c.text == value)))
    return _having(connection, and_(marks.c.kind == kind, marks.c.name == name, _COMPARE[one.operator](column, value)))


def _having(connection: Connection, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The runs with a mark that meets the condition."""
    first = select(literal(1)).where(condition).limit(FEW + 1).subquery()
    few = connection.execute(select(func.count()).select_from(first)).scalar_one()
    if few <= FEW:
        return runs.c.id.in_(select(marks.c.run).where(condition))
    return select(literal(1)).where(marks.c.run == runs.c.id, condition).correlate(runs).exists()


def _of_package(connection: Connection, one: Condition) -> ColumnElement[bool]:
    """`scikit-learn==1.9.1` or `scikit-learn`: by the environment that a run's session had."""
    wanted = one.value if isinstance(one.value, list) else [one.value]
    parts = []
    for text in map(str, wanted):
        name, _, version = text.partition("==")
        named = packages.c.name == canonicalize_name(name)
        if one.operator == "like":
            named = packages.c.name.like(canonicalize_name(name), escape="\\")
        parts.append(and_(named, packages.c.version == version) if version else named)
    found = list(connection.execute(select(packages.c.environment).where(or_(*parts)).distinct()).scalars())
    having = _having(connection, and_(marks.c.kind == "environment", marks.c.text.in_(found))) if found else false()
    return not_(having) if one.operator == "!=" else having


def _changed(connection: Connection, one: Condition) -> ColumnElement[bool]:
    """Later runs whose column of that name holds none of the contents that the run used."""
    from mlops_jupyter.store.runs import one as run_called

    since = run_called(connection, str(one.value))
    held = select(marks.c.text).where(marks.c.run == since.id, marks.c.kind == "column", marks.c.name == one.name)
    same = list(connection.execute(held).scalars())
    of_column = and_(marks.c.kind == "column", marks.c.name == one.name)
    has = select(literal(1)).where(marks.c.run == runs.c.id, of_column).correlate(runs).exists()
    held_same = and_(of_column, marks.c.text.in_(same))
    has_same = select(literal(1)).where(marks.c.run == runs.c.id, held_same).correlate(runs).exists()
    return and_(runs.c.started > since.started, has, not_(has_same))


# writing


def save(connection: Connection, found: Sequence[Run], gone: set[str]) -> None:
    """The marks of these runs are written anew; those of `gone` go."""
    if gone or found:
        connection.execute(delete(marks).where(marks.c.run.in_([*gone, *(run.id for run in found)])))
    rows = [row for run in found for row in rows_of(run)]
    if rows:
        connection.execute(marks.insert(), rows)


def rows_of(run: Run) -> list[dict[str, object]]:
    """The rows of a run's marks."""
    return [{"run": run.id, "seq": seq, "kind": kind, "name": _kept(name), "text": _kept(text), "number": number}
            for seq, (kind, name, text, number) in enumerate(dict.fromkeys(_marks(run)))]


def note_environment(connection: Connection, environment: Environment) -> None:
    """The packages of an environment, once."""
    if connection.execute(select(literal(1)).where(packages.c.environment == environment.id).limit(1)).first() is not None:
        return
    if rows := packages_of(environment):
        connection.execute(packages.insert(), rows)


def packages_of(environment: Environment) -> list[dict[str, str]]:
    """The rows of an environment's packages."""
    versions = {canonicalize_name(one.name)[:200]: one.version[:200] for one in environment.distributions}
    return [{"environment": environment.id, "name": name, "version": version} for name, version in versions.items()]


def _marks(run: Run) -> Iterator[tuple[str, str, str, float | None]]:
    for metric in run.metrics:
        names = [metric.name, *([f"{metric.name}[{metric.key}]"] if metric.key else [])]
        yield from (("metric", name, str(metric.value), _number(metric.value)) for name in names)
    yield from (("param", param.name, str(param.value), _number(param.value)) for param in run.params)
    yield from (("tag", name, value, _number(_parsed(value))) for name, value in run.tags.items())
    yield from (("run", name, str(getattr(run, name)), None) for name in _TEXTS)
    yield from (("run", name, "true", None) for name in ("starred", "baseline") if getattr(run, name))
    if run.ended is not None:
        yield "run", "ended", "", run.ended
    classes = {word for model in run.models for word in (model.class_name, model.class_name.rpartition(".")[2])}
    yield from (("run", "model", word, None) for word in sorted(classes))
    yield from (("environment", "", word, None) for word in [run.environment] if word)
    yield from (("module", "", word, None) for module in run.modules for word in _words_of_module(module))
    yield from (("dataset", "", word, None) for dataset in run.datasets for word in _words_of_dataset(dataset))
    for dataset in run.datasets:
        yield from (("column", column, digest, None) for column, digest in (dataset.fingerprint.columns or {}).items())


def _words_of_module(module: LocalModule) -> list[str]:
    names = sorted({module.name, PurePath(module.path).name, module.relative} - {""})
    return [*names, *(f"{name}@{module.digest}" for name in names)]


def _words_of_dataset(dataset: Dataset) -> list[str]:
    mark = dataset.fingerprint
    words = (mark.digest, mark.logical, dataset.name, dataset.source, PurePath(dataset.source).name)
    return sorted({word for word in words if word})


def _kept(text: str) -> str:
    return text[:LONGEST].replace("\0", "")


def _number(value: object) -> float | None:
    """NaN is no number that anything is compared with; what does not fit a double is none either."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if number == number else None  # noqa: PLR0124 (NaN)


def _parsed(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
