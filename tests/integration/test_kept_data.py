"""A result can be verified after its data changed, where the data was kept; and what was kept can be forgotten."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mlops_jupyter.entities.kept import LEAF, manifest_of
from tests.integration.test_cli import Place, write_notebook


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "work").mkdir()
    return Place(tmp_path / "work")


def blobs(place: Place) -> list[bytes]:
    return [file.read_bytes() for file in (place.folder / "store" / "blobs").rglob("*") if file.is_file()]


def manifests(place: Place) -> list[str]:
    return [manifest.fingerprint for data in blobs(place) if (manifest := manifest_of(data)) is not None]


def verify(place: Place, *more: str, code: int = 0) -> dict[str, object]:
    return json.loads(place.mlops("verify", "total", "--json", *more, code=code).stdout)


def write_numbers(file: Path, count: int, first: int = 0) -> None:
    file.write_text("n\n" + "".join(f"{number}\n" for number in range(first, first + count)))


def test_a_changed_and_a_missing_file_are_restored_beside_the_users_own(place: Place, tmp_path: Path) -> None:
    write_numbers(place.folder / "data.csv", 400_000)  # more than two leaves
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "other.csv"
    write_numbers(other, 3)
    write_notebook(place.folder / "nb.ipynb", {
        "read": "import pandas as pd\na = pd.read_csv('data.csv')",
        "other": f"b = pd.read_csv({str(other)!r})",
        "sum": "total = int(a.n.sum() + b.n.sum())",
    })
    place.mlops("track", "nb.ipynb", "--keep-data", "20MB")
    assert verify(place)["verdict"] == "identical"
    (place.folder / "data.csv").write_text("n\n1\n")
    other.unlink()
    found = verify(place)
    assert found["verdict"] == "identical"
    assert found["detail"] == "with the kept data.csv, other.csv"
    assert (place.folder / "data.csv").read_text() == "n\n1\n"
    assert not other.exists()


def test_versions_of_a_file_share_their_leaves(place: Place) -> None:
    write_notebook(place.folder / "nb.ipynb", {"read": "data = open('data.bin', 'rb').read()\ntotal = len(data)"})
    file = place.folder / "data.bin"
    file.write_bytes(os.urandom(3 * LEAF + 5))
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")
    with file.open("ab") as grown:
        grown.write(b"more")
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")
    assert len(manifests(place)) == 2
    sizes = [len(data) for data in blobs(place)]
    assert [sizes.count(size) for size in (LEAF, 5, 9)] == [3, 1, 1]


def test_forgetting_the_file_purges_its_leaves_and_no_others(place: Place) -> None:
    write_notebook(place.folder / "nb.ipynb", {
        "read": "one, two = open('one.bin', 'rb').read(), open('two.bin', 'rb').read()\ntotal = len(one) + len(two)"})
    shared = os.urandom(LEAF)
    (place.folder / "one.bin").write_bytes(shared + b"only one" * 99)
    (place.folder / "two.bin").write_bytes(shared + b"only two" * 99)
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")
    place.mlops("runs", "list")
    assert len(manifests(place)) == 2
    place.mlops("forget", "one.bin", "--yes")
    held = blobs(place)
    assert not [data for data in held if b"only one" in data]
    assert shared in held
    assert [data for data in held if data.startswith(b"only two")]
    assert len(list((place.folder / "state").glob("*/kept/*.json"))) == 1
    place.mlops("forget", "two.bin", "--yes")
    assert shared not in blobs(place)
    with sqlite3.connect(place.folder / "store" / "ledger.db") as base:
        rows = {digest for (digest,) in base.execute("select digest from blobs")}
    base.close()
    assert len(rows) == len(blobs(place)), "a row for each blob, a blob for each row"
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")  # and it can be kept again
    place.mlops("runs", "list")
    assert len(manifests(place)) == 2


def test_what_does_not_fit_is_not_kept_and_its_sources_version_is_noted(place: Place) -> None:
    write_numbers(place.folder / "data.csv", 1000)
    write_notebook(place.folder / "nb.ipynb", {"read": "import pandas as pd\ntotal = int(pd.read_csv('data.csv').n.sum())"})
    for command in ("init -q", "add data.csv", "-c user.name=a -c user.email=a@b commit -q -m data"):
        subprocess.run(["git", *command.split()], cwd=place.folder, check=True)
    place.mlops("track", "nb.ipynb", "--keep-data", "1kB")
    assert manifests(place) == []
    (place.folder / "data.csv").write_text("n\n1\n")
    found = verify(place, code=1)
    assert found["verdict"] == "input gone"
    blob = subprocess.run(["git", "rev-parse", "HEAD:data.csv"], cwd=place.folder, capture_output=True, text=True, check=True)
    why = f"it has 3,892 bytes, and 0 of the 1,000 to keep are used; its source has it as git:{blob.stdout.strip()}@"
    assert f"it was not kept: {why}" in str(found["detail"])


def test_code_that_opens_the_changed_file_itself_is_no_verdict(place: Place) -> None:
    write_numbers(place.folder / "data.csv", 5)
    write_notebook(place.folder / "nb.ipynb", {
        "read": f"from pathlib import Path\nimport pandas as pd\nroot = Path({str(place.folder)!r})\n"
                "total = int(pd.read_csv(root / 'data.csv').n.sum())"})
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")
    write_numbers(place.folder / "data.csv", 6)
    found = verify(place, code=1)
    assert found["verdict"] == "input gone"
    assert "opens the changed file by an absolute path" in str(found["detail"])


def test_a_query_that_gives_other_rows_is_the_reason_why_a_result_differs(place: Place, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "base.db") as base:
        base.execute("create table t (n integer)")
        base.execute("insert into t values (1)")
    write_notebook(place.folder / "nb.ipynb", {
        "read": f"import sqlite3, pandas as pd\nwith sqlite3.connect('file:{tmp_path}/base.db?mode=ro', uri=True) as con:\n"
                "    rows = pd.read_sql('select n from t', con)",
        "sum": "total = int(rows.n.sum())"})
    place.mlops("track", "nb.ipynb", "--keep-data", "10MB")
    assert verify(place, "--allow-effects")["verdict"] == "identical"
    assert base.execute("select count(*) from t").fetchone() == (1,)
    base.close()


def test_a_size_that_is_none_is_refused(place: Place) -> None:
    write_notebook(place.folder / "nb.ipynb", {"one": "1"})
    for text in ("much", "5 parsecs", "-1"):
        assert "is no size" in place.mlops("track", "nb.ipynb", f"--keep-data={text}", code=2).stderr
