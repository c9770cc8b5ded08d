"""The systemd runner writes units that it knows again, and enables them where systemd runs, or leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import ConflictError, InputError, NotFoundError, Schedule, StoreError
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.systemd import SystemdOptions, SystemdRunner
from tests.fakes import write_systemctl
from tests.integration.sweep_jobs import write_job

SCHEDULE = Schedule("30 2 * * *", "Europe/Berlin", missed="skip")


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "config" / "systemd" / "user"


def order(tmp_path: Path, name: str = "one", **more: object) -> Order:
    job = tmp_path / "job"
    if not job.exists():
        write_job(job, [], "1")
    return Order(submission=name, bundle=job, **{"schedule": SCHEDULE, **more})  # type: ignore[arg-type]


def test_units_are_enabled_stopped_and_gone(tmp_path: Path, units: Path) -> None:
    asked, running = write_systemctl(tmp_path / "bin")
    runner = SystemdRunner(base=tmp_path / "base")
    places = runner.submit([order(tmp_path), order(tmp_path, "two")])
    assert running.read_text() == "mlops-one.timer mlops-two.timer"
    assert asked.read_text().splitlines() == [
        "--user show-environment", "--user daemon-reload", "--user enable --now mlops-one.timer mlops-two.timer"]
    assert [sight.word for sight in runner.status(places)] == ["enabled", "enabled"]
    running.write_text("mlops-two.timer")
    (stopped,) = runner.status(places[:1])
    assert (stopped.word, "systemctl --user enable --now mlops-one.timer" in stopped.detail) == ("stopped", True)
    runner.cancel(places)
    assert (running.read_text(), list(units.iterdir())) == ("", [])
    assert [sight.word for sight in runner.status(places)] == ["gone", "gone"]


def test_a_folder_gets_the_units_as_previewed_the_same_bytes_each_time(tmp_path: Path, units: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = SystemdRunner(SystemdOptions("made"), tmp_path / "base")
    (place,) = runner.submit([order(tmp_path)])
    made = sorted((tmp_path / "made").iterdir())
    assert "\n".join(f"# {path}\n{path.read_text()}" for path in made) == runner.preview([order(tmp_path)])
    monkeypatch.chdir("/")
    assert runner.status([place])[0].word == "written"
    timer = made[1].read_text()
    assert "OnCalendar=*-*-* 02:30:00 Europe/Berlin\nOnCalendar=*-03-* 03:00:00 Europe/Berlin\n" in timer
    assert "Persistent=false" in timer
    runner.cancel([place])
    assert not units.exists()
    assert not list((tmp_path / "made").iterdir())


@pytest.mark.parametrize("kind", ["service", "timer"])
def test_an_edit_by_hand_is_seen_and_kept(tmp_path: Path, units: Path, kind: str) -> None:
    write_systemctl(tmp_path / "bin")
    runner = SystemdRunner(base=tmp_path / "base")
    places = runner.submit([order(tmp_path)])
    file = units / f"mlops-one.{kind}"
    file.write_text(file.read_text() + "# mine\n")
    assert runner.status(places)[0].word == "edited"
    with pytest.raises(ConflictError, match=r"mlops-one\.\w+ was edited by hand"):
        runner.cancel(places)
    with pytest.raises(ConflictError):
        runner.submit([order(tmp_path, schedule=Schedule("0 3 * * *"))])
    assert file.read_text().endswith("# mine\n")


def test_where_systemd_does_not_run_nothing_is_left(tmp_path: Path, units: Path) -> None:
    runner = SystemdRunner(base=tmp_path / "base")
    with pytest.raises(StoreError, match="no systemd"):
        runner.submit([order(tmp_path)])
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(StoreError) as caught:
        runner.submit([order(tmp_path)])
    assert ("No medium found" in caught.value.what, "--to cron" in caught.value.remedy) == (True, True)
    program.write_text("#!/bin/sh\n[ \"$2\" != enable ] || { echo 'no such unit' >&2; exit 1; }\n")
    with pytest.raises(InputError, match="no such unit"):
        runner.submit([order(tmp_path)])
    assert not list(units.iterdir())
    with pytest.raises(NotFoundError):
        runner.status(["no-such-place"])


def test_words_of_systemd_in_a_path_stay_words_of_a_path(tmp_path: Path, units: Path) -> None:
    text = SystemdRunner(base=tmp_path / "100% $HOME's").preview([order(tmp_path)])
    assert "100%% $$HOME's/one/timer.json\"\n" in text
    with pytest.raises(InputError, match="no timer takes"):
        SystemdRunner(base=tmp_path / "a\nExecStart=evil").preview([order(tmp_path)])
