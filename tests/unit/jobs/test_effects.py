"""Running cells again must not repeat what they did outside, unless it is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import CellExecution, ConflictError
from mlops_jupyter.jobs.effects import effects_of, refuse_effects
from tests.unit.jobs.job_facts import access


@pytest.mark.parametrize("effect", ["process: rm -rf data", "network: example.org:443", "database: /srv/orders.db",
                                    "process: lscpux"])
def test_what_reaches_outside_is_refused_by_name(effect: str) -> None:
    cells = [CellExecution("s", 1, "a", "ok"), CellExecution("s", 7, "b", "ok", effects=[effect])]
    with pytest.raises(ConflictError) as caught:
        refuse_effects(cells, allow=False)
    assert f"cell [7]: {effect}" in caught.value.what
    assert "--allow-effects" in caught.value.remedy
    refuse_effects(cells, allow=True)


@pytest.mark.parametrize("effect", ["process: lscpu --parse=core", "process: /usr/bin/uname -p", "process: fc-list"])
def test_asking_about_the_machine_is_no_effect(effect: str) -> None:
    assert effects_of(CellExecution("s", 1, "a", "ok", effects=[effect])) == []


def test_a_file_written_elsewhere_is_one_and_a_cache_is_none() -> None:
    files = [access("/srv/out.csv", "write", relative=""), access("out.csv", "write"), access("/srv/in.csv", "read", relative=""),
             access(str(Path.home() / ".cache" / "fonts.json"), "write", relative=""), access("/tmp/x", "write", relative="")]
    assert effects_of(CellExecution("s", 1, "a", "ok", files=files)) == ["writes /srv/out.csv"]
