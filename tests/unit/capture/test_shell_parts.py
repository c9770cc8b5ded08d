"""Outputs, files, imports, the fence, the session: each part alone."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from mlops_jupyter.capture.environment import LocalModules, environment, git_state, installed, package_names
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.files import FileAccesses, FileWatch
from mlops_jupyter.capture.imports import ImportHooks
from mlops_jupyter.capture.options import TrackOptions, decode_options
from mlops_jupyter.capture.outputs import Caps, Outputs, Tap
from mlops_jupyter.capture.places import paths_of
from mlops_jupyter.capture.session import kernel_id, new_session, notebook_path
from mlops_jupyter.fingerprint import fingerprint_file
from tests.fakes import MemoryRecorder


class Display:
    """What IPython's publisher and hook look like to us."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def publish(self, data: object = None, metadata: object = None, **more: object) -> None:
        self.seen.append(data)

    def write_format_data(self, format_dict: object, md_dict: object = None) -> None:
        self.seen.append(format_dict)


def outputs(shell: object, policy: str = "all", **caps: int) -> Outputs:
    limits = Caps(**{"characters": 100, "picture": 100, "outputs": 10, **caps})
    return Outputs(Tap(shell), policy, limits, MemoryRecorder().blob, lambda text: text.replace("SECRET", "*"))  # type: ignore[arg-type]


@pytest.fixture
def shell() -> SimpleNamespace:
    return SimpleNamespace(display_pub=Display(), displayhook=Display())


def test_outputs_pass_through_and_are_noted(shell: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    noting = outputs(shell)
    noting.begin()
    print("a SECRET")
    shell.display_pub.publish({"image/png": b"png", "text/plain": "<Figure>"})
    shell.displayhook.write_format_data({"text/plain": "42", "text/html": "<b>42</b>"})
    print("b")
    found, dropped = noting.end()
    assert stdout.getvalue() == "a SECRET\nb\n"
    assert shell.display_pub.seen == [{"image/png": b"png", "text/plain": "<Figure>"}]
    assert [(one.kind, one.mime, one.text) for one in found] == [
        ("stream", "text/plain", "a *\n"), ("display", "image/png", ""), ("result", "text/plain", "42"),
        ("stream", "text/plain", "b\n"),
    ]
    assert found[1].blob is not None
    assert dropped == 0
    assert "write" not in vars(stdout)
    assert "publish" not in vars(shell.display_pub)


def test_caps_say_what_was_cut(shell: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    noting = outputs(shell, characters=4, picture=2, outputs=2)
    noting.begin()
    print("123456")
    shell.display_pub.publish({"image/png": b"large"})
    shell.display_pub.publish({"text/plain": "one too many"})
    found, dropped = noting.end()
    assert [(one.text, one.cut_from, one.blob) for one in found] == [("1234", 7, None), ("", 5, None)]
    assert dropped == 1


def test_policies(shell: SimpleNamespace) -> None:
    for policy, expected in (("none", []), ("text", ["text/plain"]), ("all", ["image/png"])):
        noting = outputs(shell, policy)
        noting.begin()
        shell.display_pub.publish(data={"image/png": "cG5n", "text/plain": "fig"})
        assert [one.mime for one in noting.end()[0]] == expected


def test_an_updated_display_replaces_what_it_showed(shell: SimpleNamespace) -> None:
    noting = outputs(shell)
    noting.begin()
    shell.display_pub.publish({"text/plain": "0 %"}, transient={"display_id": "d"})
    shell.display_pub.publish({"text/plain": "100 %"}, transient={"display_id": "d"}, update=True)
    assert [one.text for one in noting.end()[0]] == ["100 %"]


@pytest.fixture(scope="module")
def hooked() -> FileWatch:
    watch = FileWatch()
    watch.install()
    return watch


def accesses(watch: FileWatch, folder: Path, action: object) -> FileAccesses:
    watch.configure(folder, ())
    reached = watch.begin()
    action()  # type: ignore[operator]
    return watch.end(reached)


def test_files_read_and_written(hooked: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")

    def cell() -> None:
        (tmp_path / "in.txt").read_text()
        with (tmp_path / "out.txt").open("a") as file:
            file.write("y")
        (tmp_path / "gone.txt").write_text("z")
        (tmp_path / "gone.txt").unlink()

    found = accesses(hooked, tmp_path, cell)
    assert [(one.relative, one.mode) for one in found.files] == [("in.txt", "read"), ("out.txt", "write")]
    assert all(one.fingerprint.digest for one in found.files)


def test_a_file_read_and_then_overwritten_is_known_as_it_was_read(hooked: FileWatch, tmp_path: Path) -> None:
    file = tmp_path / "f.txt"
    file.write_text("x")
    before = fingerprint_file(file)
    found = accesses(hooked, tmp_path, lambda: file.write_text(file.read_text() + "y"))
    assert [(one.mode, one.fingerprint) for one in found.files] == [("read", before), ("write", fingerprint_file(file))]


def test_a_file_written_and_then_read_has_the_content_that_was_written(hooked: FileWatch, tmp_path: Path) -> None:
    file = tmp_path / "f.txt"
    found = accesses(hooked, tmp_path, lambda: (file.write_text("x"), file.read_text()))
    assert [(one.mode, one.fingerprint.digest is None) for one in found.files] == [("read", True), ("write", False)]


def test_effects_outside_are_named(hooked: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()

    def cell() -> None:
        subprocess.run([sys.executable, "-c", ""], check=True)
        sqlite3.connect(tmp_path / "base.db").close()
        sqlite3.connect(tmp_path / "own" / "base.db").close()

    found = accesses(hooked, tmp_path / "own", cell)
    assert any(effect.startswith("process: ") and "-c" in effect for effect in found.effects)
    assert [effect for effect in found.effects if effect.startswith("database")] == [f"database: {tmp_path / 'base.db'}"]
    assert [one.relative for one in found.files] == ["", "base.db"], "a database in the folder is a file like any other"


def test_the_hook_sleeps_between_cells(hooked: FileWatch, tmp_path: Path) -> None:
    hooked.configure(tmp_path, ())
    (tmp_path / "a").write_text("x")
    assert hooked.end(hooked.begin()).files == []


def test_a_step_is_taken_after_an_import_and_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlops_test_module.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    steps: list[ModuleType] = []
    hooks = ImportHooks(lambda step: step())
    hooks.install()
    try:
        hooks.after("mlops_test_module", steps.append)
        module = importlib.import_module("mlops_test_module")
        assert steps == [module]
        assert module.value == 1
        assert type(module.__loader__).__name__ == "SourceFileLoader"
        assert module.__spec__ is not None
        assert module.__spec__.loader is module.__loader__
        hooks.after("mlops_test_module", steps.append)
        assert steps == [module, module]
    finally:
        hooks.remove()
        sys.modules.pop("mlops_test_module", None)
    assert hooks not in sys.meta_path


def test_paths_of_arguments(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "part.parquet").touch()
    assert paths_of(str(tmp_path / "d")) == [str(tmp_path / "d" / "part.parquet")]
    assert paths_of("s3://bucket/key") == paths_of(io.BytesIO()) == paths_of(None) == []
    assert paths_of(["a", Path("b")]) == ["a", "b"]


def test_the_fence_counts_and_trips_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLOPS_TESTING", raising=False)
    lines: list[str] = []
    fence = Fence(lines.append)
    for _ in range(5):
        with fence.guard("somewhere"):
            raise RuntimeError("ours")
    assert (fence.failures, len(lines), len(fence.notes)) == (5, 1, 1)
    with pytest.raises(KeyboardInterrupt), fence.guard("somewhere"):
        raise KeyboardInterrupt


def test_the_fence_is_loud_in_our_own_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TESTING", "1")
    with pytest.raises(RuntimeError), Fence(print).guard("somewhere"):
        raise RuntimeError("ours")


def test_the_environment_names_every_distribution() -> None:
    found = environment()
    assert found == environment()
    names = {one.name.lower().replace("_", "-"): one for one in found.distributions}
    assert names["msgspec"].version == importlib.metadata.version("msgspec")
    expected = {one.metadata["Name"].lower().replace("_", "-") for one in importlib.metadata.distributions()}
    assert {name.replace(".", "-") for name in names} == {name.replace(".", "-") for name in expected}
    assert any(name.startswith("msgspec-") for name in package_names())


def test_git_state_holds_the_uncommitted_diff_without_secrets(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    recorder = MemoryRecorder()
    assert git_state(tmp_path, recorder.blob, str) == (None, [])
    git("init", "-b", "main")
    (tmp_path / "f.py").write_text("a = 1\n")
    git("add", "f.py")
    git("commit", "-m", "first")
    state, notes = git_state(tmp_path, recorder.blob, str)
    assert state is not None
    assert (state.branch, state.dirty, state.diff, notes) == ("main", False, None, [])
    (tmp_path / "f.py").write_text("a = 'SECRET'\n")
    state, _ = git_state(tmp_path, recorder.blob, lambda text: text.replace("SECRET", "*"))
    assert state is not None
    assert state.dirty
    assert state.diff is not None
    assert b"+a = '*'" in recorder.blobs[state.diff]


def test_local_modules_are_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    recorder = MemoryRecorder()
    modules = LocalModules(tmp_path, recorder.blob, str)
    modules.changed()
    (tmp_path / "mine_for_test.py").write_text("x = 1\n")
    importlib.import_module("mine_for_test")
    try:
        found, packages = modules.changed(["numpy"])
        assert [(one.name, one.relative) for one in found] == [("mine_for_test", "mine_for_test.py")]
        assert recorder.blobs[found[0].digest] == b"x = 1\n"
        assert {"mine_for_test", "numpy"} >= set(packages) >= {"mine_for_test"}
        assert modules.owns(str(tmp_path / "mine_for_test.py"))
        assert modules.changed() == ([], [])
    finally:
        sys.modules.pop("mine_for_test", None)


def test_the_notebook_and_its_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    (tmp_path / "nb.ipynb").touch()
    assert notebook_path(TrackOptions(), None, tmp_path) is None
    address = notebook_path(TrackOptions(notebook_path="s3://bucket/v.ipynb"), None, tmp_path)
    assert address == "s3://bucket/v.ipynb"
    taken = new_session(TrackOptions(), "w", address, "", "0")
    assert (taken.notebook and taken.notebook.path, taken.experiment) == ("s3://bucket/v.ipynb", "v")
    assert notebook_path(TrackOptions(), str(tmp_path / "v.ipynb"), tmp_path) == tmp_path / "v.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/nb.ipynb")
    path = notebook_path(TrackOptions(), None, tmp_path)
    assert path == tmp_path / "nb.ipynb"
    one = new_session(TrackOptions(), "w", path, "/run/kernel-abc-1.json", "0")
    two = new_session(TrackOptions(experiment="e"), "w", path, "/run/kernel-abc-1.json", "0")
    three = new_session(TrackOptions(experiment="e"), "w", tmp_path / "other.ipynb", "", "0")
    assert (one.experiment, one.kernel_id, one.kind, three.kind) == ("nb", "abc-1", "notebook", "ipython")
    assert one.notebook == two.notebook
    assert one.experiment_id != two.experiment_id == three.experiment_id
    assert new_session(TrackOptions(experiment_id="given"), "w", path, "", "0").experiment_id == "given"
    assert kernel_id("/run/other.json") == ""


def test_options_travel_as_json() -> None:
    assert decode_options('{"experiment": "e", "tags": {"a": "b"}}') == TrackOptions(experiment="e", tags={"a": "b"})


def test_cells_of_two_threads_keep_their_outputs_apart(shell: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    limits = Caps(100, 100, 10)
    tap = Tap(shell)
    first = Outputs(tap, "all", limits, MemoryRecorder().blob, str)
    first.begin()
    found: list[str] = []

    def other() -> None:
        second = Outputs(tap, "all", limits, MemoryRecorder().blob, str)
        second.begin()
        print("second")
        found.extend(output.text for output in second.end()[0])

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    print("first")
    assert found == ["second\n"]
    assert [output.text for output in first.end()[0]] == ["first\n"]
    assert "write" not in vars(sys.stdout), "nothing is shadowed once no cell runs"


def test_cells_that_overlap_both_have_the_files_of_either(hooked: FileWatch, tmp_path: Path) -> None:
    hooked.configure(tmp_path, ())
    first, second = hooked.begin(), hooked.begin()
    (tmp_path / "a.txt").write_text("x")
    assert [Path(access.path).name for access in hooked.end(first).files] == ["a.txt"]
    assert hooked.active
    assert [Path(access.path).name for access in hooked.end(second).files] == ["a.txt"]
    assert not hooked.active


def test_what_a_package_carries_for_itself_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`import pkg_resources` puts setuptools' own copies on the path; they made the environment seem another one."""
    (tmp_path / "setuptools" / "_vendor" / "inflect-7.3.1.dist-info").mkdir(parents=True)
    (tmp_path / "own" / "ours_too-1.0.dist-info").mkdir(parents=True)
    before = {one.name for one in installed()}
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "setuptools" / "_vendor"), str(tmp_path / "own")])
    assert {one.name for one in installed()} - before == {"ours_too"}
