"""The routes of the Lineage and Data tabs: shapes, refusals, and that statistics of files are for those who may read files."""

from __future__ import annotations

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.serverapp import ServerApp

from mlops_jupyter.api.datasets import dataset_key
from mlops_jupyter.entities import FileAccess, Fingerprint
from tests.unit.server.ledger_pen import KERNEL, Api, Writer


class NoFiles(Authorizer):
    """Lets everybody look at what is recorded, and at no file."""

    def is_authorized(self, handler: object, user: object, action: str, resource: str) -> bool:
        return resource != "contents"


async def test_the_graph_of_a_notebook_of_a_run_and_a_cell_of_it(api: Api, writer: Writer) -> None:
    graph = await api.get("lineage", kernel=KERNEL)
    assert isinstance(graph, dict)
    assert [node["label"] for node in graph["nodes"] if node["kind"] == "metric"] == ["auc"]
    assert graph["session"] == writer.session.id
    runs = await api.get("runs")
    assert isinstance(runs, list)
    of_run = await api.get("lineage", run=runs[0]["id"])
    assert isinstance(of_run, dict)
    assert of_run["run"] == runs[0]["id"]
    everything = await api.get("lineage", path="analysis.ipynb", all="1")
    assert isinstance(everything, dict)
    assert everything["cells"] > graph["cells"]
    cell = await api.get(f"lineage/{writer.session.id}/cells/2")
    assert isinstance(cell, dict)
    assert cell["source"] == "model = LogisticRegression().fit(X, y)"


@pytest.mark.parametrize(("route", "code", "says"), [
    ("lineage/nope/cells/1", 404, "nope"),
    ("lineage/nope/cells/x", 400, "x"),
    ("lineage/nope/cells/99999999999", 400, "9999"),
    ("datasets/nope", 404, "nope"),
    ("datasets/nope/difference", 404, "nope"),
    ("datasets/nope/profile", 404, "nope"),
])
async def test_what_is_not_there_is_named(api: Api, writer: Writer, route: str, code: int, says: str) -> None:
    answered, answer = await api("GET", route, kernel=KERNEL)
    assert (answered, isinstance(answer, dict)) == (code, True)
    assert says in str(answer)


async def test_statistics_of_a_file_are_for_who_may_read_files(jp_serverapp: ServerApp, api: Api, writer: Writer) -> None:
    writer.cell(6, "read()", files=[FileAccess("a.csv", "read", Fingerprint("file", "fp1:a"))])
    key = dataset_key("file", "a.csv")
    page = await api.get(f"datasets/{key}", kernel=KERNEL)
    assert isinstance(page, dict)
    profile = await api.get(f"datasets/{key}/profile", kernel=KERNEL, version=page["versions"][0]["id"])
    assert isinstance(profile, dict)
    assert "no longer there" in profile["missing"]
    jp_serverapp.web_app.settings["authorizer"] = NoFiles(parent=jp_serverapp)
    assert (await api("GET", f"datasets/{key}", kernel=KERNEL))[0] == 200
    assert (await api("GET", f"datasets/{key}/profile", kernel=KERNEL, version="fp1:a"))[0] == 403
