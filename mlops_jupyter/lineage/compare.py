"""What changed between two runs: metrics, params, code, data down to the column, environment, randomness. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from mlops_jupyter.entities import Dataset, Environment, Fingerprint, Run, Value
from mlops_jupyter.fingerprint.difference import Difference, difference
from mlops_jupyter.lineage.text import normalised

_ALIKE = 0.75
_MOST_PAIRS = 400


class MetricChange(msgspec.Struct, frozen=True):
    """One metric in both runs; None on the side that lacks it. `delta` is b minus a."""

    name: str
    a: float | None = None
    b: float | None = None
    delta: float | None = None
    key: str = ""


class ParamChange(msgspec.Struct, frozen=True):
    """One param that differs. `only`: the side that has it, "" if both have."""

    name: str
    a: Value = None
    b: Value = None
    only: str = ""


class CodeChange(msgspec.Struct, frozen=True):
    """One cell of the slices that differs, as a unified diff; `a` and `b` are positions in the slices, from 1."""

    kind: str
    """changed, added or removed."""
    diff: str
    a: int | None = None
    b: int | None = None


class DataChange(msgspec.Struct, frozen=True):
    """One dataset that differs, by name. `unknown`: content could not be compared in full."""

    name: str
    kind: str
    """changed, grown, cut, held differently, added, removed or unknown."""
    columns_changed: list[str] = []
    columns_added: list[str] = []
    columns_removed: list[str] = []
    shape_a: tuple[int, ...] | None = None
    shape_b: tuple[int, ...] | None = None
    detail: Difference | None = None
    """Columns, types and rows, where the fingerprints tell."""


class PackageChange(msgspec.Struct, frozen=True):
    """One package whose version differs; "" where it is not installed."""

    name: str
    a: str = ""
    b: str = ""


class Comparison(msgspec.Struct):
    """What changed from run `a` to run `b`. `metrics` holds all of them, the other lists only what differs."""

    a: str
    b: str
    metrics: list[MetricChange] = []
    params: list[ParamChange] = []
    models: list[ParamChange] = []
    code: list[CodeChange] = []
    data: list[DataChange] = []
    packages: list[PackageChange] = []
    environment: list[ParamChange] = []
    """Python, platform, machine, git commit."""
    random: list[str] = []
    """In words: metrics moved though nothing that we can see changed."""
    same: bool = False
    """True if code, params, data and environment are equal."""


def compare(a: Run, b: Run, sources_a: Sequence[str] = (), sources_b: Sequence[str] = (),
            environment_a: Environment | None = None, environment_b: Environment | None = None) -> Comparison:
    """What changed from `a` to `b`. `sources`: the cells of each slice, in execution order."""
    found = Comparison(
        a.id, b.id, metrics=_metrics(a, b), params=_params(a, b), models=_models(a, b), code=code_changes(sources_a, sources_b),
        data=_data(a.datasets, b.datasets), packages=_packages(environment_a, environment_b),
        environment=_environment(a, b, environment_a, environment_b),
    )
    found.same = not (found.params or found.models or found.code or found.data or found.packages or found.environment)
    if found.same and any(change.delta for change in found.metrics):
        found.random = ["metrics differ though code, params, data and environment are equal: something is drawn without a seed"]
    return found


def _metrics(a: Run, b: Run) -> list[MetricChange]:
    left = {(metric.name, metric.key): metric.value for metric in a.metrics}
    right = {(metric.name, metric.key): metric.value for metric in b.metrics}
    return [_metric(name, key, left.get((name, key)), right.get((name, key))) for name, key in dict.fromkeys([*left, *right])]


def _metric(name: str, key: str, a: float | None, b: float | None) -> MetricChange:
    return MetricChange(name, a, b, None if a is None or b is None else b - a, key)


def _params(a: Run, b: Run) -> list[ParamChange]:
    return _mapped({param.name: param.value for param in a.params}, {param.name: param.value for param in b.params})


def _mapped(left: dict[str, Value], right: dict[str, Value]) -> list[ParamChange]:
    changes = []
    for name in dict.fromkeys([*left, *right]):
        if name not in right:
            changes.append(ParamChange(name, a=left[name], only="a"))
        elif name not in left:
            changes.append(ParamChange(name, b=right[name], only="b"))
        elif left[name] != right[name] or type(left[name]) is not type(right[name]):
            changes.append(ParamChange(name, left[name], right[name]))
    return changes


def _models(a: Run, b: Run) -> list[ParamChange]:
    left, right = (", ".join(model.class_name for model in run.models) for run in (a, b))
    return [] if left == right else [ParamChange("model", left, right)]


def code_changes(a: Sequence[str], b: Sequence[str]) -> list[CodeChange]:
    """Cells are matched in order by meaning; unmatched ones between two matches are paired, and those left over that are alike.

    The rest is added or removed. Alike but elsewhere is a cell that was edited and run again after others.
    """
    changes: list[CodeChange] = []
    gone: list[int] = []
    come: list[int] = []
    matcher = difflib.SequenceMatcher(None, [normalised(one) for one in a], [normalised(one) for one in b], autojunk=False)
    for kind, start_a, end_a, start_b, end_b in matcher.get_opcodes():
        if kind == "equal":
            continue
        pairs = min(end_a - start_a, end_b - start_b)
        for step in range(pairs):
            left, right = start_a + step, start_b + step
            changes.append(CodeChange("changed", unified(a[left], b[right]), left + 1, right + 1))
        gone += range(start_a + pairs, end_a)
        come += range(start_b + pairs, end_b)
    for left, right in _alike(a, b, gone, come):
        changes.append(CodeChange("changed", unified(a[left], b[right]), left + 1, right + 1))
        gone.remove(left)
        come.remove(right)
    changes += [CodeChange("removed", unified(a[at], ""), a=at + 1) for at in gone]
    changes += [CodeChange("added", unified("", b[at]), b=at + 1) for at in come]
    return sorted(changes, key=lambda change: change.a or change.b or 0)


def _alike(a: Sequence[str], b: Sequence[str], gone: Sequence[int], come: Sequence[int]) -> list[tuple[int, int]]:
    """Cells whose texts are alike, the most alike first, each once. Equal ones only changed their place."""
    if len(gone) * len(come) > _MOST_PAIRS:
        return []
    pairs = [(left, right) for left in gone for right in come if a[left] != b[right]]
    matchers = {pair: difflib.SequenceMatcher(None, a[pair[0]], b[pair[1]], autojunk=False) for pair in pairs}
    rated = {pair: one.ratio() for pair, one in matchers.items() if one.quick_ratio() >= _ALIKE}
    found: list[tuple[int, int]] = []
    for left, right in sorted(rated, key=lambda pair: (-rated[pair], pair)):
        if rated[left, right] >= _ALIKE and all(left != one and right != other for one, other in found):
            found.append((left, right))
    return found


def unified(a: str, b: str) -> str:
    lines = list(difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=3))
    return "\n".join(lines[2:])  # the two file-name lines say nothing here


def _data(a: Sequence[Dataset], b: Sequence[Dataset]) -> list[DataChange]:
    left, right = ({one.source or one.name: one for one in side} for side in (a, b))
    changes = []
    for name in dict.fromkeys([*left, *right]):
        if name not in right:
            changes.append(DataChange(name, "removed", shape_a=left[name].fingerprint.shape))
        elif name not in left:
            changes.append(DataChange(name, "added", shape_b=right[name].fingerprint.shape))
        elif not left[name].fingerprint.same_as(right[name].fingerprint):
            changes.append(data_change(name, left[name].fingerprint, right[name].fingerprint))
    return changes


def data_change(name: str, a: Fingerprint, b: Fingerprint) -> DataChange:
    """What differs between two contents of one dataset, as far as their fingerprints tell."""
    detail = difference(a, b) or Difference()
    return DataChange(
        name, _kind(a, b, detail),
        columns_changed=[column.name for column in detail.changed if column.name],
        columns_added=list(detail.added),
        columns_removed=list(detail.removed),
        shape_a=a.shape, shape_b=b.shape, detail=detail if detail != Difference() else None,
    )


def _kind(a: Fingerprint, b: Fingerprint, detail: Difference) -> str:
    """In a word. Content that is not known in full differs only if a column that is known does."""
    if a.same_content(b):
        return "held differently"
    known = a.digest is not None and b.digest is not None and a.digest != b.digest and a.coverage == b.coverage == 1.0
    if not known and not (detail.changed or detail.added or detail.removed):
        return "unknown"
    if detail.appended and not (detail.added or detail.removed):
        return "grown" if detail.appended > 0 else "cut"
    return "changed"


def _packages(a: Environment | None, b: Environment | None) -> list[PackageChange]:
    if a is None or b is None or a.id == b.id:
        return []
    left, right = ({one.name: one.version for one in side.distributions} for side in (a, b))
    return [PackageChange(name, left.get(name, ""), right.get(name, "")) for name in sorted({*left, *right})
            if left.get(name) != right.get(name)]


def _environment(a: Run, b: Run, left: Environment | None, right: Environment | None) -> list[ParamChange]:
    changes = []
    if left is not None and right is not None:
        for name in ("python", "implementation", "platform", "machine"):
            changes += _mapped({name: getattr(left, name)}, {name: getattr(right, name)})
    if a.git_commit and b.git_commit and a.git_commit != b.git_commit:
        changes.append(ParamChange("git commit", a.git_commit, b.git_commit))
    return changes
