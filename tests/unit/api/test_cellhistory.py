"""Every execution of a cell is found, over sessions and renames; what it showed is text, or a picture as bytes."""

from __future__ import annotations

import base64

import pytest

from mlops_jupyter.api.cellhistory import cell_history, outputs
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import CellError, CellExecution, NotFoundError, Output
from tests.unit.store.story import append, cell, session

PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture
def told() -> None:
    store = open_ledger()
    append(store, session("s1", "w1"), cell(1, cell="c1", started=10.0, ended=11.0), cell(2, cell="c2", started=12.0, ended=12.5),
           cell(3, cell="c1", started=20.0, ended=20.5), writer="w1")
    picture = store.put_blob(PNG)
    shown = [Output("stream", text="hello", name="stdout"), Output("display", "image/png", blob=picture),
             Output("result", "text/plain", text="<script>alert(1)</script>"), Output("display", "image/png", cut_from=9_000_000)]
    append(store, session("s2", "w2"), cell(1, "error", "s2", cell="c1", started=30.0, ended=31.0, outputs=shown,
                                            error=CellError("ValueError", "no rows\nmore")), writer="w2")
    append(store, session("s3", "w3", path="b.ipynb"), cell(1, session="s3", cell="c1", started=40.0, ended=41.0), writer="w3")


def test_the_executions_of_a_cell_over_all_sessions_of_its_notebook_newest_first(told: None) -> None:
    found = cell_history("c1", paths=["a.ipynb"])
    assert [(one.session, one.n, one.again) for one in found.versions] == [("s2", 1, False), ("s1", 3, False), ("s1", 1, False)]
    assert (found.total, found.sessions) == (3, 2)
    assert found.versions[0].error == "ValueError: no rows"
    assert found.versions[0].seconds == 1.0
    newest = cell_history("c1", paths=["a.ipynb"], limit=1)
    assert (newest.total, len(newest.versions)) == (3, 1)


def test_a_source_that_did_not_change_says_so(told: None) -> None:
    same = {"session": "s4", "cell": "c7"}
    third = CellExecution("s4", 3, "x = 2", "ok", cell="c7", started=70.0)
    append(open_ledger(), session("s4", "w4"), cell(1, started=50.0, **same), cell(2, started=60.0, **same), third, writer="w4")
    versions = cell_history("c7", paths=["a.ipynb"]).versions[::-1]
    assert [(one.source, one.again) for one in versions] == [("x = 1", False), ("x = 2", False), ("x = 2", True)]


@pytest.mark.parametrize("odd", ["c_", "%", "c%", '"', "ü", "\\"])
def test_an_id_is_no_pattern(told: None, odd: str) -> None:
    assert cell_history(odd, paths=["a.ipynb"]).versions == []
    append(open_ledger(), session("s5", "w5"), cell(1, session="s5", cell=odd, started=70.0), writer="w5")
    assert [one.session for one in cell_history(odd, paths=["a.ipynb"]).versions] == ["s5"]


def test_outputs_are_text_and_pictures_and_never_markup(told: None) -> None:
    stream, picture, result, large = outputs("s2", 1)
    assert (stream.text, stream.name) == ("hello", "stdout")
    assert (picture.mime, base64.b64decode(picture.picture)) == ("image/png", PNG)
    assert (result.mime, result.text) == ("text/plain", "<script>alert(1)</script>")
    assert (large.picture, large.cut) == ("", 9_000_000)
    with pytest.raises(NotFoundError, match="no cell execution 8"):
        outputs("s2", 8)
