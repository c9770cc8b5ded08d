"""What somebody adds to a job is in it with what it reads; what he leaves out is not; and every other cell says why it is not."""

from __future__ import annotations

import json

import msgspec
import pytest

from mlops_jupyter.entities import CellExecution, InputError, Observation, Read, Session
from mlops_jupyter.jobs.choice import Choice, choose, dropped
from mlops_jupyter.jobs.convert import ConvertOptions, draft
from mlops_jupyter.lineage.slice import Result
from tests.unit.jobs.job_facts import Cells, wrote

AUC = Result("auc", "variable", 5, ["auc"])


@pytest.fixture
def story(cells: Cells) -> list[CellExecution]:
    """Data, a table for a picture, the picture, a shuffle of the data in place, the score."""
    found = cells("df = load()", "shares = df.mean()", "shares.plot()", "df.sort()", "auc = score(df)")
    facts = [({"writes": [wrote("df", "a")], "stores": ["df"]}), ({"reads": [Read("df")], "writes": [wrote("shares", "b")]}),
             ({"reads": [Read("shares")]}), ({"reads": [Read("df")], "writes": [wrote("df", "c", "mutated")]}),
             ({"reads": [Read("df")], "writes": [wrote("auc", "d")]})]
    return [msgspec.structs.replace(one, **more) for one, more in zip(found, facts, strict=True)]


def test_without_a_choice_it_is_the_slice(story: list[CellExecution]) -> None:
    assert choose([AUC], Choice(), story).cells == [1, 4, 5]


def test_an_added_cell_brings_what_it_reads_and_says_that_somebody_added_it(story: list[CellExecution]) -> None:
    found = choose([AUC], Choice(added=[3]), story)
    assert found.cells == [1, 2, 3, 4, 5]
    assert found.because[3] == ["added by hand"]
    assert found.digest != choose([AUC], Choice(), story).digest


def test_a_cell_left_out_is_not_in_it_and_those_beside_it_are(story: list[CellExecution]) -> None:
    found = choose([AUC], Choice(left_out=[4]), story)
    assert found.cells == [1, 5]
    assert 4 not in found.because


@pytest.mark.parametrize(("choice", "says"), [
    (Choice(added=[9]), "no recorded cell execution 9"), (Choice(left_out=[5]), "makes auc"),
    (Choice(added=[4], left_out=[4]), "not to be in it")])
def test_what_cannot_be_is_named(story: list[CellExecution], choice: Choice, says: str) -> None:
    with pytest.raises(InputError, match=says):
        choose([AUC], choice, story)


def test_every_cell_that_is_not_in_it_says_why(story: list[CellExecution]) -> None:
    ours = CellExecution("s", 6, "%mlops track", "ok", cell="c6")
    failed = CellExecution("s", 7, "1 / 0", "error", cell="c7")
    again = CellExecution("s", 8, "auc = score(df)", "ok", cell="c5")
    choice = Choice(left_out=[4])
    everything = [*story, ours, failed, again]
    reasons = {one.n: one.because for one in dropped(choose([AUC], choice, everything), choice, everything)}
    assert reasons == {
        2: "makes shares, which no result reads", 3: "shows something and changes nothing that a result reads",
        4: "left out by hand", 6: "is about tracking", 7: "failed, and no result rests on it"}


def test_the_job_keeps_what_was_chosen_by_hand(story: list[CellExecution], session: Session) -> None:
    choice = Choice(added=[3], left_out=[4])
    observations = [Observation("s", 5, 1, 1.0, "metric", "auc", 0.75, variable="auc")]
    made = draft(session, choose([AUC], choice, story), story, observations, [], dict[str, bytes]().__getitem__,
                 ConvertOptions(choice=choice))
    assert (made.manifest.added, made.manifest.left_out) == ([3], [4])
    assert [word for word in made.manifest.warnings if "cell [" in word] == [
        "cell [3] is in the job because somebody added it", "cell [4] was left out by hand: the recorded run had it"]
    sources = [cell["source"] for cell in json.loads(made.files["notebook.ipynb"])["cells"]]
    assert sources[1:] == ["df = load()", "shares = df.mean()", "shares.plot()", "auc = score(df)"]
