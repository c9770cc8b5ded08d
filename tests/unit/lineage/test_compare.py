"""What changed between two runs, down to the column and the package."""

from __future__ import annotations

from mlops_jupyter.entities import Dataset, Distribution, Environment, Fingerprint, Metric, ModelRef, Param, Run
from mlops_jupyter.lineage.compare import MetricChange, PackageChange, ParamChange, compare


def run(id: str, *, auc: float = 0.6, c: float = 1.0, digests: tuple[str, str] = ("a1", "b1"),
        model: str = "LogisticRegression") -> Run:
    columns = {"a": digests[0], "b": digests[1]}
    frame = Fingerprint("frame", "".join(digests), shape=(10, 2), columns=columns)
    return Run(id, "e1", "e", "s1", "finished", 1.0, params=[Param("C", c)], metrics=[Metric("auc", auc)],
               models=[ModelRef("s1:1:1", "clf", model)], datasets=[Dataset("X", frame, role="X")])


def environment(**versions: str) -> Environment:
    packages = tuple(Distribution(name, version) for name, version in versions.items())
    return Environment(repr(versions), "3.11.7", "CPython", "linux", "x86_64", packages)


def test_equal_runs_are_said_to_be_the_same() -> None:
    found = compare(run("a"), run("b"), ["x = 1"], ["x = 1  # same"])
    assert found.same
    assert found.metrics == [MetricChange("auc", 0.6, 0.6, 0.0)]


def test_params_metrics_and_model() -> None:
    found = compare(run("a"), run("b", auc=0.75, c=2.0, model="Ridge"))
    assert found.params == [ParamChange("C", 1.0, 2.0)]
    assert found.models == [ParamChange("model", "LogisticRegression", "Ridge")]
    assert round(found.metrics[0].delta or 0, 6) == 0.15
    assert not found.same


def test_data_down_to_the_column() -> None:
    (change,) = compare(run("a"), run("b", digests=("a1", "b2"))).data
    assert (change.name, change.kind, change.columns_changed) == ("X", "changed", ["b"])


def test_unknown_content_is_never_called_equal() -> None:
    left, right = run("a"), run("b")
    left.datasets = right.datasets = [Dataset("X", Fingerprint("opaque"))]
    assert [one.kind for one in compare(left, right).data] == ["unknown"]


def test_code_cell_by_cell() -> None:
    found = compare(run("a"), run("b"), ["x = 1", "y = x"], ["x = 2", "y = x", "z = y"])
    assert [(one.kind, one.a, one.b) for one in found.code] == [("changed", 1, 1), ("added", None, 3)]
    assert "-x = 1\n+x = 2" in found.code[0].diff


def test_a_cell_that_was_edited_and_ran_again_after_others_is_one_change() -> None:
    before, after = ["import a", "neighbours = 5", "points = load()"], ["import a", "points = load()", "neighbours = 15"]
    (change,) = compare(run("a"), run("b"), before, after).code
    assert (change.kind, change.a, change.b) == ("changed", 2, 3)
    assert "-neighbours = 5\n+neighbours = 15" in change.diff


def test_a_cell_that_only_changed_its_place_or_is_another_is_not_called_changed() -> None:
    moved = compare(run("a"), run("b"), ["x = 1", "y = 2"], ["y = 2", "x = 1"]).code
    assert sorted(one.kind for one in moved) == ["added", "removed"]
    other = compare(run("a"), run("b"), ["rate = 3", "y = 2"], ["y = 2", "print(load('table'))"]).code
    assert [(one.kind, one.a, one.b) for one in other] == [("removed", 1, None), ("added", None, 2)]


def test_packages_and_python() -> None:
    found = compare(run("a"), run("b"), environment_a=environment(pandas="2.2", numpy="2.0"),
                    environment_b=environment(pandas="3.0", polars="1.0"))
    assert found.packages == [
        PackageChange("numpy", "2.0", ""), PackageChange("pandas", "2.2", "3.0"), PackageChange("polars", "", "1.0")]
    assert found.environment == []


def test_metrics_that_move_with_nothing_changed_are_drawn() -> None:
    found = compare(run("a"), run("b", auc=0.61))
    assert found.same
    assert "without a seed" in found.random[0]
