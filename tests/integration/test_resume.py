"""Resume: a job goes on where it was, by itself after a failed attempt; bad cells and a forgetting user are respected."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import JobParameter
from tests.integration.killing import every_cell_kept
from tests.integration.sweep_jobs import write_job
from tests.integration.test_cli import Place

FLAKY = """
from pathlib import Path
tried = Path({marker!r})
if not tried.exists():
    tried.write_text("once")
    raise ConnectionError("the first time")
mlops.log_metric("score", float(len(big)))
""".strip()


def job(folder: Path, *cells: str) -> Place:
    first = "%load_ext mlops_jupyter\nimport mlops_jupyter as mlops"
    write_job(folder / "job", [JobParameter("rows", "integer", 1000)], first, *cells)
    return Place(folder)


def test_a_further_attempt_goes_on_where_the_last_one_failed(tmp_path: Path) -> None:
    place = job(tmp_path, "big = list(range(rows))", FLAKY.format(marker=str(tmp_path / "tried")))
    with every_cell_kept():
        done = place.json("run", "job", "--retries", "1", "--wait", "1s")
    assert done["outcome"]["state"] == "succeeded"
    assert [one["cell"] for one in done["cells"] if one.get("taken")] == [1, 3]
    assert [metric["value"] for run in done["runs"] for metric in run["metrics"]] == [1000.0]


def test_what_is_forgotten_is_in_no_checkpoint(tmp_path: Path) -> None:
    place = job(tmp_path, "big = list(range(rows))", "mlops.log_metric('score', float(len(big)))")
    with every_cell_kept():
        first = place.json("run", "job")
        assert list(tmp_path.glob("state/*/checkpoints/blobs/*"))
        place.mlops("forget", first["runs"][0]["id"], "--yes")
        assert not list(tmp_path.glob("state/*/checkpoints"))
        again = place.json("run", "job", "--resume", "--no-checkpoints")
        assert not any(one.get("taken") for one in again["cells"])
        place.mlops("run", "job", "--no-checkpoints")
    assert not list(tmp_path.glob("state/*/checkpoints/blobs/*"))


def test_a_secret_is_in_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", "kV7pQ2xLm9Tz4Rw8")
    place = job(tmp_path, "import os\ntoken = os.environ['SHOP_API_TOKEN']", "both = ['kV7pQ2', token]",
                "mlops.log_metric('score', float(len(both)))")
    with every_cell_kept():
        place.json("run", "job")
    for file in tmp_path.glob("state/*/checkpoints/**/*"):
        assert file.is_dir() or b"kV7pQ2xLm9Tz4Rw8" not in file.read_bytes(), file


def test_a_run_that_writes_into_its_own_bundle_has_failed(tmp_path: Path) -> None:
    place = job(tmp_path, f"open({str(tmp_path / 'job' / 'notebook.ipynb')!r}, 'a').write(' ')")
    told = place.mlops("run", "job", code=1)
    assert "its cells wrote notebook.ipynb into the bundle" in told.stdout + told.stderr
    told = place.mlops("run", "job", code=2)
    assert "notebook.ipynb does not have the digest" in told.stderr
