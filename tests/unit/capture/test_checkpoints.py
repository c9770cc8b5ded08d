"""What a cell left is brought back only where it is certain to be what the cell would make again; else it runs, and says why."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mlops_jupyter.capture import vault
from mlops_jupyter.capture.vault import Vault
from mlops_jupyter.entities.checkpoints import Checkpoint
from mlops_jupyter.entities.errors import InputError
from mlops_jupyter.entities.sessions import CellExecution
from tests.proofs.children import in_child
from tests.proofs.resuming import Ran, play, prove

BASE = ("import numpy as np\nimport pandas as pd", "items = [[1], [2]]\nframe = pd.DataFrame({'v': [1.0, 2.0]})\nk = 2")
LAST = len(BASE)


def run(folder: Path, *cells: str, resume: bool = False, results: tuple[str, ...] = ("x",)) -> Ran:
    folder.mkdir(exist_ok=True)
    return in_child(lambda: play([(f"c{at}", one) for at, one in enumerate([*BASE, *cells])], folder, results, keep=True,
                                 resume=resume))


@pytest.mark.parametrize(("cell", "why"), [
    ("def x():\n    return 1", "it defines x"),
    ("x = (v for v in items)", "the content of x"),
    ("x = np.arange(9)\ny = x[2:]", "share memory"),
    ("x = items[0]", "is also in another variable"),
    ("x = np.asarray(frame['v'])", "share memory"),
    ("import os\nx = os.environ.get('HOME')", "it asks for environ"),
    ("import sqlite3\nx = sqlite3.connect('some.db')", "content of x"),
    ("def home():\n    return __import__('os').environ['HOME']\nx = home()", "environ"),
    ("x = pd.Timestamp.now().year", "it asks for now"),
    ("from pathlib import Path\nx = Path('conf.py').exists()", "it asks for exists"),
    ("from pathlib import Path\nx = [p.name for p in Path('.').glob('*.py')]", "it asks for glob"),
    ("pd.set_option('display.precision', 3)\nx = 1", "it changed"),
    ("x = open('conf.py', 'a').write('# more')", "it writes conf.py, which was there before"),
    ("x = pd.read_sql('select 1 as one', 'sqlite:///some.db')", "it asks "),
    ("import subprocess\nx = subprocess.run(['true']).returncode", "true"),
    ("x = exec('z = 1')", "exec"),
    ("x = !echo hi", ""), ("!echo 2 > shell.txt\nx = 1", ""),
    ("x = np.memmap('m.bin', dtype=float, mode='w+', shape=(3,))", "x lies in a mapped file"),
])
def test_a_cell_that_cannot_be_brought_back_is_not_kept_and_says_why(tmp_path: Path, cell: str, why: str) -> None:
    ran = run(tmp_path, cell, "y = x", results=("x", "y"))
    told = [line for line in ran.why if line.startswith(f"{LAST}: ")]
    assert told, ran.why
    assert why in told[0]
    assert run(tmp_path, cell, "y = x", resume=True, results=("x", "y")).taken.count(LAST) == 0


@pytest.mark.parametrize("cell", [
    "x = frame.assign(w=frame.v * k)", "items.append([3])\nx = len(items)", "x = {'a': items, 'b': frame}", "x = y = [1]",
    "x = np.random.default_rng(3).random(4)", "np.random.seed(4)\nx = np.random.rand(3)",
    "x = pd.Series(['a', None], dtype='str')",
    "x = open('note.txt', 'w').write('hello')", "del k\nx = 1", "%%time\nx = 5", "x = (1, frame)",
])
def test_what_is_known_comes_back(tmp_path: Path, cell: str) -> None:
    whole = (cell, "z = [repr(x), repr(items), 'k' in globals()]" if "del k" not in cell else "z = repr(x)")
    first = run(tmp_path, *whole, results=("x", "z", "items", "frame"))
    again = run(tmp_path, *whole, resume=True, results=("x", "z", "items", "frame"))
    assert LAST in again.taken, (first.why, again.why)
    assert again.values[-1] == first.values[-1]


def test_what_was_one_object_is_one_object_again(tmp_path: Path) -> None:
    cells = ("x = y = {'same': items}", "one = x is y and x['same'] is items\nitems.append(0)\nseen = len(y['same'])")
    first = run(tmp_path, *cells, results=("one", "seen", "x", "y"))
    again = run(tmp_path, *cells, resume=True, results=("one", "seen", "x", "y"))
    assert LAST in again.taken
    assert again.values[-1]["one"] == first.values[-1]["one"] == (("bool", "True"), first.values[-1]["one"][1])
    assert again.values[-1]["seen"] == first.values[-1]["seen"]


def test_a_file_that_the_cell_wrote_is_there_again(tmp_path: Path) -> None:
    cells = ("x = open('made.txt', 'w').write('hello')", "text = open('made.txt').read()")
    run(tmp_path, *cells, results=("text",))
    (tmp_path / "work0" / "made.txt").unlink()
    again = run(tmp_path, *cells, resume=True, results=("text",))
    assert LAST in again.taken
    assert (tmp_path / "work1" / "made.txt").read_text() == "hello"


@pytest.mark.parametrize(("before", "after", "taken"), [
    ("k = 3", "k = 3  # as it was", True), ("k = 3", "k = 4", False), ("other = 1", "other = 2", True),
    ("frame['v'] = 1.0", "frame['v'] = 2.0", False), ("np.random.seed(1)", "np.random.seed(2)", True),
])
def test_an_edit_runs_what_follows_from_it_and_nothing_else(tmp_path: Path, before: str, after: str, *, taken: bool) -> None:
    cell = "x = float(frame.v.sum()) * k"
    run(tmp_path, before, cell)
    again = run(tmp_path, after, cell, resume=True)
    assert (LAST + 1 in again.taken) is taken, again.why


@pytest.mark.parametrize(("text", "taken"), [("'one'", True), ("'two'", False)])
def test_what_is_added_to_a_file_rests_on_what_was_in_it(tmp_path: Path, text: str, *, taken: bool) -> None:
    cells = ("k = open('log.txt', 'w').write('one')", "x = open('log.txt', 'a').write('more')")
    run(tmp_path, *cells)
    assert (LAST + 1 in run(tmp_path, cells[0].replace("'one'", text), cells[1], resume=True).taken) is taken


def test_a_draw_from_another_state_runs(tmp_path: Path) -> None:
    run(tmp_path, "np.random.seed(1)", "x = np.random.rand(3)")
    assert LAST + 1 not in run(tmp_path, "np.random.seed(2)", "x = np.random.rand(3)", resume=True).taken
    assert LAST + 1 in run(tmp_path, "np.random.seed(1)", "x = np.random.rand(3)", resume=True).taken


def test_a_variable_that_was_not_needed_and_is_now_makes_its_cell_run(tmp_path: Path) -> None:
    run(tmp_path, "x, spare = 1, [1]", "y = x", results=("y",))
    again = run(tmp_path, "x, spare = 1, [1]", "y = x + len(spare)", resume=True, results=("y",))
    assert LAST not in again.taken
    assert f"{LAST}: spare was not kept" in again.why


def test_a_known_secret_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_PASSWORD", "correct-horse-battery-1")
    ran = run(tmp_path, "x = ['correct', 'correct-horse-battery-1']", results=("x",))
    assert f"{LAST}: a known secret is in it" in ran.why
    files = [file for file in tmp_path.rglob("*") if file.is_file() and "work" not in str(file)]
    assert not any(b"correct-horse-battery-1" in file.read_bytes() for file in files)


def folders(tmp_path: Path) -> Path:
    return next(tmp_path.glob("state/*/checkpoints"))


def test_a_checkpoint_of_another_store_is_refused(tmp_path: Path) -> None:
    cells = ("x = [1]", "y = len(x)")
    run(tmp_path, *cells)
    key = next(tmp_path.glob("state/*/redaction.key"))
    key.write_bytes(bytes(32))
    again = run(tmp_path, *cells, resume=True)
    assert again.taken == []
    assert any("was not made by this store" in line for line in again.why)


def test_bytes_that_were_changed_are_never_unpickled(tmp_path: Path) -> None:
    cells = ("x = [1]", "y = len(x)")
    run(tmp_path, *cells)
    for blob in folders(tmp_path).glob("blobs/*"):
        blob.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    again = run(tmp_path, *cells, resume=True)
    assert LAST not in again.taken
    assert any("is not what was signed" in line for line in again.why)
    assert not list(tmp_path.rglob("owned"))
    assert LAST in run(tmp_path, *cells, resume=True).taken  # the cell ran, and was kept anew


def test_a_full_disk_costs_the_checkpoint_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, parts: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(vault, "_write", full)
    ran = run(tmp_path, "x = [1]", "y = len(x)")
    assert "y" in ran.values[-1]
    assert f"{LAST}: it could not be written: No space left on device" in ran.why


def entry(name: str, size: int, kept: Vault) -> Checkpoint:
    blob = kept.put_blob([name.encode() * size])
    return Checkpoint(key=name, cell="c", at=0.0, execution=CellExecution("s", 1, "", "ok"), values=blob, nbytes=size)


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    kept = Vault(tmp_path, 100)
    for name in "abc":
        kept.put(entry(name, 40, kept))
    assert {one.key for one in kept.find("c")} == {"b", "c"}
    assert len(list((tmp_path / "checkpoints" / "blobs").iterdir())) == 2
    with pytest.raises(OSError, match="are more than"):
        kept.put_blob([b"x" * 101])
    with pytest.raises(InputError, match="is gone"):
        kept.blob("0" * 64)


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    run(tmp_path, "x = [1]", "y = len(x)")
    places = [folders(tmp_path), *folders(tmp_path).rglob("*")]
    assert {oct(one.stat().st_mode & 0o777) for one in places if one.is_file()} == {"0o600"}
    assert {oct(one.stat().st_mode & 0o777) for one in places if one.is_dir()} == {"0o700"}


@pytest.mark.parametrize("seed", [82, 103, 118, 164, 242, 1325])
def test_notebooks_that_ever_went_wrong(seed: int) -> None:
    assert prove(seed, 14).wrong == []
