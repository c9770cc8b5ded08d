"""The Data tab's verbs over a real ledger: which data there is, its versions, what differs, statistics of a file."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.api import lineagegraph, profiles
from mlops_jupyter.api.datasets import dataset, dataset_key, datasets, difference
from mlops_jupyter.api.ledger import open_ledger, scrub_outboxes
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import (
    CellExecution,
    Column,
    Dataset,
    FileAccess,
    Fingerprint,
    NotebookRef,
    NotFoundError,
    Observation,
    Query,
    Read,
    Schema,
    Session,
    VariableVersion,
    new_id,
)
from mlops_jupyter.entities.data import ColumnProfile
from mlops_jupyter.fingerprint import fingerprint, fingerprint_file, profile_of
from mlops_jupyter.outbox import Outbox

FLIGHTS = dataset_key("file", "flights.csv")


def table(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"hour": [at % 24 for at in range(rows)], "delay": [at / 7 for at in range(rows)],
                         "carrier": ["UA", "AA", "DL"] * (rows // 3) + ["UA"] * (rows % 3)})


class Story:
    """A notebook that reads a file, keeps a frame, fits on it, and asks a database; once for each session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = time.time() - 1000
        self.pen = Outbox(Settings.current().outbox_folder())

    def session(self, rows: int, *, opaque_file: bool = False) -> str:
        file = self.folder / "flights.csv"
        table(rows).to_csv(file, index=False)
        self.at += 100
        name = new_id()
        self.pen.record(Session(name, self.pen.writer, "notebook", "delays", "e1", self.at, kernel_id="k1", cwd=str(self.folder),
                                notebook=NotebookRef("nb1", "delays.ipynb")))
        mark = Fingerprint("file") if opaque_file else fingerprint_file(file)
        frame = fingerprint(table(rows))
        query = Query("sql", "select 1", "sqlite://", 1, Fingerprint("query", "fp1:q"))
        self.pen.record(CellExecution(name, 1, "df = pd.read_csv('flights.csv')", "ok", cell="c1", started=self.at,
                                      files=[FileAccess(str(file), "read", mark, "flights.csv")],
                                      writes=[VariableVersion("df", "created", frame)]))
        self.pen.record(CellExecution(name, 2, "model.fit(df)", "ok", cell="c2", started=self.at + 1, reads=[Read("df")],
                                      queries=[query]))
        self.pen.record(Observation(name, 2, 0, self.at, "model", "model", class_name="M", datasets=[
            Dataset("df", Fingerprint("opaque"), role="X", schema=Schema((Column("hour", "int64"),)))]))
        return name


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_files_questions_and_frames_are_listed_with_what_used_them(story: Story) -> None:
    story.session(60)
    found = datasets("k1")
    rows = {(row.kind, row.name): row for row in found.datasets}
    assert set(rows) == {("file", "flights.csv"), ("query", "select 1"), ("value", "df")}
    assert (found.experiment, found.sessions) == ("delays", 1)
    frame = rows["value", "df"]
    assert (frame.shape, frame.cells, frame.roles, frame.versions) == ([60, 3], 2, ["X"], 1)
    assert rows["file", "flights.csv"].runs == 1
    assert rows["file", "flights.csv"].nbytes == (story.folder / "flights.csv").stat().st_size


def test_nothing_tracked_is_no_data(story: Story) -> None:
    assert datasets("another").datasets == []


def test_another_content_is_another_version_and_the_same_one_is_not(story: Story) -> None:
    for rows in (60, 90, 90):
        story.session(rows)
    page = dataset(dataset_key("value", "df"), "k1")
    assert [(version.shape, version.sessions) for version in page.versions] == [([90, 3], 2), ([60, 3], 1)]
    newest = page.versions[0]
    columns = [(column.name, column.type) for column in newest.columns]
    assert columns == [("hour", "int64"), ("delay", "float64"), ("carrier", "string")]
    uses = {(use.n, use.how, use.current) for use in newest.uses}
    assert uses >= {(1, "written", True), (2, "read", True), (1, "written", False)}


def test_content_that_is_not_known_is_never_the_same(story: Story) -> None:
    story.session(60, opaque_file=True)
    story.session(60, opaque_file=True)
    versions = dataset(FLIGHTS, "k1").versions
    assert [(version.digest, version.coverage) for version in versions] == [("", 0.0), ("", 0.0)]


def test_what_differs_is_told_from_fingerprints(story: Story) -> None:
    story.session(60)
    story.session(90)
    key = dataset_key("value", "df")
    new, old = dataset(key, "k1").versions
    found = difference(key, old.id, new.id, "k1")
    assert found.change is not None
    assert (found.change.shape_a, found.change.shape_b) == ((60, 3), (90, 3))
    assert difference(key, new.id, new.id, "k1").change is None
    with pytest.raises(NotFoundError, match="no version"):
        difference(key, old.id, "nope", "k1")
    with pytest.raises(NotFoundError, match="no dataset"):
        dataset("nope", "k1")


def test_a_profile_is_taken_while_the_file_is_what_was_read_and_stays_when_it_changes(story: Story) -> None:
    story.session(60)
    old = dataset(FLIGHTS, "k1").versions[0].id
    hour, delay, carrier = profiles.profile(FLIGHTS, old, kernel="k1").columns
    assert (hour.bins, hour.low, hour.high) == ([3] * 12 + [2] * 12, 0.0, 23.0)
    assert (sum(delay.bins), delay.type, delay.kind) == (60, "float64", "number")
    assert [(value.text, value.count) for value in carrier.top] == [("AA", 20), ("DL", 20), ("UA", 20)]
    story.session(90)
    new = dataset(FLIGHTS, "k1").versions[0].id
    both = profiles.profile(FLIGHTS, new, old, kernel="k1")
    assert (both.rows, both.rows_against, both.missing) == (90, 60, "")
    assert (both.columns[1].low, both.columns[1].high) == (both.columns_against[1].low, both.columns_against[1].high)


def test_where_there_is_no_profile_it_says_why(story: Story) -> None:
    story.session(60)
    old = dataset(FLIGHTS, "k1").versions[0].id
    newest = story.session(90)
    page = Query("url", "https://far/x.csv", fingerprint=Fingerprint("query", "fp1:u"))
    story.pen.record(CellExecution(newest, 3, "pd.read_csv(URL)", "ok", cell="c3", started=story.at + 2, queries=[page]))
    assert "changed since" in profiles.profile(FLIGHTS, old, kernel="k1").missing
    (story.folder / "flights.csv").unlink()
    new = dataset(FLIGHTS, "k1").versions[0].id
    assert "no longer there" in profiles.profile(FLIGHTS, new, kernel="k1").missing
    frame = dataset_key("value", "df")
    gone = profiles.profile(frame, dataset(frame, "k1").versions[0].id, kernel="k1")
    assert "in memory" in gone.missing
    assert "df.to_parquet" in gone.remedy
    for kind, name, why in (("query", "select 1", "a query of sqlite:// gave"), ("url", "https://far/x.csv", "read from a URL")):
        key = dataset_key(kind, name)
        asked = profiles.profile(key, dataset(key, "k1").versions[0].id, kernel="k1")
        assert why in asked.missing
        assert "df.to_parquet('df.parquet')" in asked.remedy


def test_forgetting_empties_what_was_taken(story: Story) -> None:
    story.session(60)
    profiles.profile(FLIGHTS, dataset(FLIGHTS, "k1").versions[0].id, kernel="k1")
    assert list(Settings.current().profiles_folder().iterdir())
    scrub_outboxes(open_ledger())
    assert not Settings.current().profiles_folder().exists()


def test_bins_hold_every_row_and_nearly_in_its_place() -> None:
    values = pd.DataFrame({"x": [at / 100 for at in range(-500, 1500)]})
    found = profile_of(values)
    assert found is not None
    bins = profiles.bins_of(found.columns[0], -5.0, 15.0, 20)
    assert sum(bins) == pytest.approx(2000, abs=10)
    assert all(abs(count - 100) < 15 for count in bins)
    assert profiles.bins_of(ColumnProfile("x", 1, histogram={0: 7}), 0.0, 0.0, 4) == [7, 0, 0, 0]


def test_the_graph_names_the_pages_of_its_data(story: Story) -> None:
    session = story.session(60)
    found = lineagegraph.lineage("k1")
    assert {node.label: node.dataset for node in found.nodes if node.dataset} == {
        "flights.csv": FLIGHTS, "df": dataset_key("value", "df"), "select 1": dataset_key("query", "select 1")}
    run = open_ledger().runs(session=session)[0]
    assert [node.n for node in lineagegraph.lineage(run=run.id).nodes if node.kind == "cell"] == [1, 2]
    assert lineagegraph.lineage("another").nodes == []


def test_a_cell_as_it_ran(story: Story) -> None:
    session = story.session(60)
    cell = lineagegraph.cell_as_run(session, 1)
    assert (cell.source, cell.cell, [(one.name, one.shape) for one in cell.writes]) == (
        "df = pd.read_csv('flights.csv')", "c1", [("df", [60, 3])])
    with pytest.raises(NotFoundError, match="no cell execution 9"):
        lineagegraph.cell_as_run(session, 9)
