"""A draft holds the needed cells, parametrised, and says all that it cut; it runs nothing and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    FileAccess,
    InputError,
    LocalModule,
    Observation,
    Session,
)
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.jobs.convert import ConvertOptions, Draft, draft
from mlops_jupyter.lineage.slice import Result, Slice
from tests.unit.jobs.job_facts import Cells, wrote

MODULES = {"sha256:h": b"import more\n", "sha256:m": b"x = 1\n"}


def made(session: Session, executions: list[CellExecution], needed: Sequence[int] = (), **slice_fields: object) -> Draft:
    return with_options(session, executions, ConvertOptions(), needed, **slice_fields)


def with_options(session: Session, executions: list[CellExecution], options: ConvertOptions, needed: Sequence[int] = (),
                 **slice_fields: object) -> Draft:
    result = Result("auc", "variable", executions[-1].n, ["auc"])
    cells = list(needed) or [execution.n for execution in executions]
    found = msgspec.structs.replace(Slice(result, cells), **slice_fields)
    observations = [Observation("s", executions[-1].n, 1, 1.0, "metric", "auc", 0.75, variable="auc")]
    return draft(session, found, executions, observations, [], MODULES.__getitem__, options)


def sources(of: Draft) -> list[str]:
    return [cell["source"] for cell in json.loads(of.files["notebook.ipynb"])["cells"]]


def test_needed_cells_in_order_of_execution_and_a_cell_may_stand_twice(session: Session, cells: Cells) -> None:
    executions = cells("x = f()", "look()", "x = g(x)", "auc = x")
    executions[2] = msgspec.structs.replace(executions[2], cell="c1")
    of = made(session, executions, [1, 3, 4])
    assert sources(of) == ["# This job has no parameters.", "x = f()", "x = g(x)", "auc = x"]
    assert len({cell["id"] for cell in json.loads(of.files["notebook.ipynb"])["cells"]}) == 4
    assert (of.manifest.cells, of.manifest.cells_total) == (3, 3)


def test_an_assignment_moves_to_the_parameters_cell_and_an_empty_cell_goes(session: Session, cells: Cells) -> None:
    of = made(session, cells("month = 6  # which", "# only this:\nrate = 0.5", "auc = f(month, rate)"))
    assert sources(of) == ["month: int = 6  # which\nrate: float = 0.5", "auc = f(month, rate)"]
    assert [(cut.name, cut.cell, cut.line, cut.text) for cut in of.cuts] == [
        ("month", 1, 1, "month = 6  # which"), ("rate", 2, 2, "rate = 0.5")]
    assert json.loads(of.files["notebook.ipynb"])["cells"][0]["metadata"] == {"tags": ["parameters"]}


def test_parameters_can_be_chosen_and_an_unknown_choice_is_refused(session: Session, cells: Cells) -> None:
    executions = cells("month = 6\nrate = 0.5", "auc = f(month, rate)")
    for options, names in [(ConvertOptions(keep=["rate"]), ["rate"]), (ConvertOptions(leave_out=["rate"]), ["month"])]:
        assert [each.name for each in with_options(session, executions, options).manifest.parameters] == names
    with pytest.raises(InputError, match="'moth'") as caught:
        with_options(session, executions, ConvertOptions(keep=["moth"]))
    assert "month, rate" in caught.value.remedy


def test_unseeded_draws_give_a_seed_parameter_that_does_not_take_a_name_in_use(session: Session, cells: Cells) -> None:
    of = made(session, cells("auc = np.random.rand()"), unseeded=["numpy", "python"])
    assert sources(of)[0] == "seed: int = 0  # no cell seeded numpy and python"
    assert sources(of)[1] == "import numpy\nimport random\n\nnumpy.random.seed(seed)\nrandom.seed(seed)"
    assert of.manifest.seed == 0
    assert any("no cell seeded numpy" in warning for warning in of.manifest.warnings)
    of = made(session, cells("seed = f()\nauc = np.random.rand()"), unseeded=["numpy"])
    assert [each.name for each in of.manifest.parameters] == ["random_seed"]


def test_inputs_are_carried_when_inside_small_and_unchanged(session: Session, cells: Cells, tmp_path: Path) -> None:
    def reading(name: str, digest_of: str | None = None) -> FileAccess:
        return FileAccess(str(tmp_path / name), "read", fingerprint_file(tmp_path / (digest_of or name)), relative=name)

    for name, data in [("small.csv", b"1"), ("large.csv", b"22"), ("changed.csv", b"3")]:
        (tmp_path / name).write_bytes(data)
    executions = cells("auc = f()")
    files = [reading("small.csv"), reading("large.csv"), reading("changed.csv", "small.csv")]
    executions[0] = msgspec.structs.replace(executions[0], files=files)
    of = with_options(session, executions, ConvertOptions(folder=tmp_path, carry_bytes=1))
    assert {each.name: each.carried for each in of.manifest.inputs} == {"small": True, "large": False, "changed": False}
    assert of.files["small.csv"] == b"1"
    assert "large.csv" not in of.files
    assert any("-i large=PATH" in warning for warning in of.manifest.warnings)
    assert any("has changed since" in warning for warning in of.manifest.warnings)


def test_local_modules_come_from_their_blobs_with_those_they_import(session: Session, cells: Cells) -> None:
    executions = cells("import helper", "import other", "auc = helper.f()")
    digests = {"helper": "sha256:h", "more": "sha256:m"}
    modules = [LocalModule(name, f"/w/{name}.py", digest, f"{name}.py") for name, digest in digests.items()]
    executions[0] = msgspec.structs.replace(executions[0], modules=modules)
    executions[1] = msgspec.structs.replace(executions[1], modules=[LocalModule("other", "/w/other.py", "sha256:o", "other.py")])
    of = made(session, executions, [1, 3])
    assert of.manifest.modules == ["helper", "more"]
    assert (of.files["helper.py"], of.files["more.py"]) == (b"import more\n", b"x = 1\n")


def test_a_module_with_the_name_of_a_bundle_file_is_refused(session: Session, cells: Cells) -> None:
    executions = cells("import helper\nauc = 1")
    module = LocalModule("helper", "/w/h.py", "sha256:h", "notebook.ipynb")
    executions[0] = msgspec.structs.replace(executions[0], modules=[module])
    with pytest.raises(ConflictError, match=r"notebook\.ipynb"):
        made(session, executions)


def test_the_lock_leaves_out_what_only_exploration_imported(session: Session, cells: Cells) -> None:
    executions = cells("import pandas", "import seaborn", "auc = 1")
    executions[0] = msgspec.structs.replace(executions[0], imports=["pandas", "numpy"])
    executions[1] = msgspec.structs.replace(executions[1], imports=["seaborn"])
    locked = made(session, executions, [1, 3]).files["requirements.txt"].decode()
    assert "pandas==1.0" in locked
    assert "papermill==1.0" in locked
    assert "seaborn" not in locked
    assert "mlops" not in locked.partition("\n")[2]


def test_results_are_the_metrics_of_the_needed_cells_and_what_was_asked_for(session: Session, cells: Cells) -> None:
    executions = cells("model = fit()", "auc = score(model)")
    executions[0] = msgspec.structs.replace(executions[0], writes=[wrote("model", "fp1:m")])
    of = with_options(session, executions, ConvertOptions(results=[Result("model", "model", 1, ["model"])]))
    assert [(each.name, each.kind, each.value, each.digest) for each in of.manifest.results] == [
        ("auc", "metric", 0.75, ""), ("model", "model", None, "fp1:m")]
    reference = json.loads(of.files["reference/results.json"])
    assert reference["metrics"] == [{"name": "auc", "values": [0.75]}]
    assert reference["contents"] == {"model": "fp1:m"}


def test_what_the_slice_lacks_is_a_warning_and_a_foreign_cell_is_refused(session: Session, cells: Cells) -> None:
    of = made(session, cells("auc = 1"), notes=["cell execution 1 ran before tracking"], failed=[1], seed_cells=[1])
    assert len([warning for warning in of.manifest.warnings if "restart" in warning or "ended with an error" in warning]) == 2
    with pytest.raises(InputError, match=r"cell \[1\] is not Python \(%%bash\)"):
        made(session, cells("%%bash\nls", "auc = 1"))
