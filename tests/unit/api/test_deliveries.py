"""What several attempts say of themselves is one end."""

from __future__ import annotations

import pytest

from mlops_jupyter.api.deliveries import Collected
from mlops_jupyter.entities import Delivered, Outcome
from mlops_jupyter.entities.jobs import OutcomeState


@pytest.mark.parametrize(("said", "place", "state"), [
    (["cancelled", "succeeded"], "succeeded", "succeeded"), (["succeeded", "cancelled"], "succeeded", "succeeded"),
    (["succeeded", "cancelled"], "died", "cancelled"), (["died", "failed"], "succeeded", "failed"),
    (["succeeded", "failed"], None, "failed"), ([], "succeeded", None)])
def test_the_last_attempt_counts_but_for_an_attempt_that_succeeded_as_its_place_says(
        said: list[OutcomeState], place: OutcomeState | None, state: OutcomeState | None) -> None:
    found = Collected([Delivered("s", f"a{at}", Outcome(each), float(at)) for at, each in enumerate(said)])
    told = found.told(place)
    assert (told.state if told else None) == state
