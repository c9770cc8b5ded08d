"""What was said at a conversion is read back from the job, as far as it still fits the notebook."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import Fingerprint, JobInput, JobManifest, JobParameter, JobResult
from mlops_jupyter.jobs.parameters import LEAST
from mlops_jupyter.jobs.said import Said, results_asked, said_of
from mlops_jupyter.jobs.terms import Terms

INTEGER = {"type": "integer"}


def plain(name: str, default: object, type: str = "integer", **facts: object) -> JobParameter:
    return JobParameter(name, type, default, facts.pop("schema", {"type": type}), **facts)


def said(old: list[JobParameter], new: list[JobParameter], *sources: str) -> Said:
    return said_of(JobManifest("nb", 1.0, old, [], [], 1, 1), sources, new, [])


@pytest.mark.parametrize(("old", "new", "terms"), [
    (plain("a", 1), plain("a", 2), Terms()),
    (plain("a", 1, schema={**INTEGER, "minimum": 1, "maximum": 9}), plain("a", 2), Terms(range="1..9")),
    (plain("a", 1, schema={**INTEGER, "maximum": 9}), plain("a", 2), Terms(range="..9")),
    (plain("a", 1, schema={**INTEGER, "maximum": 9}), plain("a", 12), Terms()),
    (plain("a", 1, schema={**INTEGER, "enum": [1, 2]}), plain("a", 2), Terms(choices="1,2")),
    (plain("a", 1, schema={**INTEGER, "enum": [1, 2]}), plain("a", 3), Terms()),
    (plain("a", 1.0, "number"), plain("a", 2), Terms(type="number")),
    (plain("a", 1), plain("a", "x", "string"), Terms()),
    (plain("a", "2020-01-01", "date", schema={"type": "string", "format": "date", LEAST: "2019-01-01"}),
     plain("a", "2021-01-01", "string"), Terms(type="date", range="2019-01-01..")),
    (plain("a", [1, 2], "array", schema={"type": "array", "items": {**INTEGER, "minimum": 0}}),
     plain("a", [3], "array", schema={"type": "array", "items": INTEGER}), Terms(range="0..")),
    (plain("a", 1, description="how many"), plain("a", 1), Terms(help="how many")),
    (plain("a", 1, description="how many"), plain("a", 1, description="of these"), Terms()),
    (plain("a", "env:KEY", "secret"), plain("a", "x", "string"), Terms(secret="env:KEY")),
])
def test_terms_are_said_again_where_the_default_allows_them(old: JobParameter, new: JobParameter, terms: Terms) -> None:
    assert said([old], [new]) == Said(["a"], {"a": terms} if terms != Terms() else {})


def test_parameters_that_were_left_out_stay_out_and_new_ones_come_in() -> None:
    assert said([plain("a", 1)], [plain("a", 1), plain("b", 2), plain("c", 3)], "b = 2\nx = a + b").keep == ["a", "c"]


def test_a_parameter_of_another_name_keeps_it() -> None:
    found = said([plain("neighbours", 5)], [plain("k", 5), plain("m", 1)], "k = neighbours", "m = 1")
    assert found == Said(["k"], {"k": Terms(rename="neighbours")})
    tuples = said([plain("months", [1], "array")], [plain("picked", [1], "array")], "picked = tuple(months)")
    assert tuples.terms == {"picked": Terms(rename="months")}


def test_policies_of_inputs_that_are_still_there() -> None:
    mark = Fingerprint("file", "fp1:a")
    old = [JobInput("rows", "rows.csv", mark, policy="fail"), JobInput("gone", "g.csv", mark, policy="fail"),
           JobInput("more", "m.csv", mark)]
    new = [JobInput("rows", "r.csv", mark), JobInput("more", "m.csv", mark)]
    found = said_of(JobManifest("nb", 1.0, [], old, [], 1, 1), [], [], new)
    assert found.policies == {"rows": "fail"}


def test_results_are_asked_for_by_name_only_if_they_were() -> None:
    results = [JobResult("auc", "metric", 0.8, key="UA"), JobResult("auc", "metric", 0.7, key="DL"), JobResult("model", "model")]
    assert results_asked(JobManifest("nb", 1.0, [], [], results, 1, 1, notebook="work/nb.ipynb")) == []
    assert results_asked(JobManifest("auc", 1.0, [], [], results, 1, 1, notebook="work/nb.ipynb")) == ["auc", "model"]
