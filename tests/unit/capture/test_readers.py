"""Each door with the real library: what went through it is seen, and the library's user sees nothing of us."""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_jupyter.capture.doors import DOORS, OPTIONAL
from mlops_jupyter.capture.files import FileAccesses, FileWatch
from mlops_jupyter.capture.imports import ImportHooks
from mlops_jupyter.capture.readers import Readers
from mlops_jupyter.capture.sights import Sights
from mlops_jupyter.fingerprint import fingerprint_file

WATCH = FileWatch()  # an audit hook stays for the life of the process


@pytest.fixture(params=["by monitoring", "by replacement"] if hasattr(sys, "monitoring") else ["by replacement"])
def readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Readers]:
    if request.param == "by replacement":
        monkeypatch.setattr(Readers, "_take_tool", lambda self: None)
    monkeypatch.chdir(tmp_path)
    WATCH.install()
    WATCH.configure(tmp_path, ())
    imports = ImportHooks(lambda step: step())
    imports.install()
    made = Readers(Sights(WATCH), imports)
    made.install()
    yield made
    made.remove()
    imports.remove()


def cell(action: Callable[[], object]) -> FileAccesses:
    reached = WATCH.begin()
    try:
        action()
    finally:
        found = WATCH.end(reached)
    return found


def seen(action: Callable[[], object]) -> list[tuple[str, str]]:
    found = cell(action)
    assert not [effect for effect in found.effects if "understood" in effect]
    for one in found.files:
        if one.relative and Path(one.relative).is_file():
            assert one.fingerprint.digest == fingerprint_file(one.relative).digest
    return sorted((one.relative or one.path, one.mode) for one in found.files)


@pytest.mark.parametrize("name", sorted(DOORS))
def test_every_listed_door_is_there(name: str) -> None:
    """A library that renamed a function must not go unwatched in silence."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        assert importlib.util.find_spec(top) is None or name in {"fsspec.implementations.http"}, f"{name} is gone"
        return
    for path in DOORS[name]:
        owner: object = module
        for part in path.split("."):
            owner = getattr(owner, part, None)
        assert callable(owner) or path in OPTIONAL, f"{name}.{path} is gone"


def test_arrow(readers: Readers) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import csv, dataset, feather, json, orc, parquet

    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    assert seen(lambda: parquet.write_table(table, "t.parquet")) == [("t.parquet", "write")]
    assert seen(lambda: parquet.read_table("t.parquet")) == [("t.parquet", "read")]
    assert seen(lambda: parquet.ParquetFile(Path("t.parquet")).read()) == [("t.parquet", "read")]
    assert seen(lambda: parquet.read_metadata("t.parquet")) == [("t.parquet", "read")]
    assert seen(lambda: csv.write_csv(table, "t.csv")) == [("t.csv", "write")]
    assert seen(lambda: csv.read_csv("t.csv")) == [("t.csv", "read")]
    assert seen(lambda: csv.open_csv("t.csv").read_all()) == [("t.csv", "read")]
    assert seen(lambda: feather.write_feather(table, "t.feather")) == [("t.feather", "write")]
    assert seen(lambda: feather.read_table("t.feather")) == [("t.feather", "read")]
    assert seen(lambda: orc.write_table(table, "t.orc")) == [("t.orc", "write")]
    assert seen(lambda: orc.read_table("t.orc")) == [("t.orc", "read")]
    Path("t.json").write_text('{"a": 1}\n')
    assert seen(lambda: json.read_json("t.json")) == [("t.json", "read")]
    assert seen(lambda: pa.memory_map("t.csv").read()) == [("t.csv", "read")]
    assert seen(lambda: pa.input_stream("t.csv").read()) == [("t.csv", "read")]
    written = seen(lambda: dataset.write_dataset(table, "d", format="parquet", partitioning=["b"], partitioning_flavor="hive"))
    assert written == [(f"d/b={letter}/part-0.parquet", "write") for letter in "xyz"]
    assert seen(lambda: dataset.dataset("d", partitioning="hive").to_table()) == [(name, "read") for name, _ in written]
    assert seen(lambda: parquet.read_table("d")) == [(name, "read") for name, _ in written]


def test_a_removal_that_failed_does_not_blind_the_next(readers: Readers) -> None:
    pa = pytest.importorskip("pyarrow")
    Path("t.bin").write_bytes(b"bytes")
    left = pa.memory_map
    imports = ImportHooks(lambda step: step())
    imports.install()
    after = Readers(Sights(WATCH), imports)
    after.install()
    try:
        assert pa.memory_map is not left
        assert seen(lambda: pa.memory_map("t.bin").read()) == [("t.bin", "read")]
    finally:
        after.remove()
        imports.remove()
    assert pa.memory_map is left.__wrapped__


def test_pandas(readers: Readers) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3]})
    assert seen(lambda: frame.to_parquet("p.parquet")) == [("p.parquet", "write")]
    assert seen(lambda: pandas.read_parquet("p.parquet")) == [("p.parquet", "read")]
    assert seen(lambda: frame.to_csv("p.csv")) == [("p.csv", "write")]
    assert seen(lambda: pandas.read_csv("p.csv")) == [("p.csv", "read")]
    assert seen(lambda: frame.to_feather("p.feather")) == [("p.feather", "write")]
    assert seen(lambda: pandas.read_feather("p.feather")) == [("p.feather", "read")]
    assert seen(lambda: frame.to_orc("p.orc")) == [("p.orc", "write")]
    assert seen(lambda: pandas.read_orc("p.orc")) == [("p.orc", "read")]


def test_polars(readers: Readers) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, 2, 3]})
    for kind in ("csv", "parquet", "ipc", "ndjson", "avro", "json"):
        assert seen(lambda kind=kind: getattr(frame, f"write_{kind}")(f"p.{kind}")) == [(f"p.{kind}", "write")], kind
        assert seen(lambda kind=kind: getattr(pl, f"read_{kind}")(f"p.{kind}")) == [(f"p.{kind}", "read")], kind
    assert seen(lambda: pl.read_csv("p.cs*")) == [("p.csv", "read")]


def test_a_lazy_frame_reads_where_it_is_made_and_where_it_is_run(readers: Readers) -> None:
    pl = pytest.importorskip("polars")
    pl.DataFrame({"a": [1, 2, 3]}).write_csv("p.csv")
    held = {}
    assert seen(lambda: held.update(lazy=pl.scan_csv("p.csv"))) == [("p.csv", "read")]
    assert seen(lambda: held["lazy"].filter(pl.col("a") > 1).collect()) == [("p.csv", "read")]
    for kind in ("csv", "parquet", "ipc", "ndjson"):
        found = seen(lambda kind=kind: getattr(held["lazy"], f"sink_{kind}")(f"sunk.{kind}"))
        assert found == [("p.csv", "read"), (f"sunk.{kind}", "write")], kind


def test_duckdb_reads_files_that_a_query_names(readers: Readers) -> None:
    duckdb = pytest.importorskip("duckdb")
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("b1.csv").write_text("a,b\n1,2\n")
    Path("b2.csv").write_text("a,b\n1,2\n")
    assert seen(lambda: duckdb.sql("select * from 'a.csv'").df()) == [("a.csv", "read")]
    assert seen(lambda: duckdb.read_csv("a.csv").fetchall()) == [("a.csv", "read")]
    assert seen(lambda: duckdb.execute("select * from read_csv('b*.csv')").fetchall()) == [("b1.csv", "read"), ("b2.csv", "read")]
    connection = duckdb.connect()
    assert seen(lambda: connection.execute("copy (select 1 as one) to 'out.parquet' (format parquet)")) == [
        ("out.parquet", "write")]
    assert seen(lambda: connection.sql("select * from 'out.parquet'").fetchall()) == [("out.parquet", "read")]
    assert seen(lambda: connection.read_parquet("out.parquet").write_csv("back.csv")) == [
        ("back.csv", "write"), ("out.parquet", "read")]


def test_duckdb_finds_its_callers_variables_as_before(readers: Readers) -> None:
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")

    def inside() -> list[tuple[int, ...]]:
        local = pandas.DataFrame({"a": [1, 2]})
        assert local is not None
        connection = duckdb.connect()
        return [duckdb.sql("select sum(a) from local").fetchall()[0], duckdb.execute("select sum(a) from local").fetchall()[0],
                connection.sql("select sum(a) from local").fetchall()[0],
                connection.execute("select sum(a) from local").fetchall()[0]]

    results: list[object] = []
    cell(lambda: results.extend(inside()))
    assert results == [(3,)] * 4
    assert inside() == [(3,)] * 4  # also between cells


def test_a_duckdb_database_file(readers: Readers) -> None:
    duckdb = pytest.importorskip("duckdb")

    def make() -> None:
        with duckdb.connect("base.duckdb") as connection:
            connection.execute("create table t as select 1 as a")

    assert [(one.relative, one.mode) for one in cell(make).files] == [("base.duckdb", "write")]
    found = cell(lambda: duckdb.connect("base.duckdb", read_only=True).sql("select * from t").fetchall())
    assert [(one.relative, one.mode) for one in found.files] == [("base.duckdb", "read")]
    assert found.files[0].fingerprint.digest


def test_hdf5(readers: Readers) -> None:
    h5py = pytest.importorskip("h5py")

    def write(mode: str, name: str) -> None:
        with h5py.File("x.h5", mode) as file:
            file[name] = [1, 2, 3]

    def read() -> None:
        with h5py.File("x.h5") as file:
            assert list(file["a"]) == [1, 2, 3]

    assert seen(lambda: write("w", "a")) == [("x.h5", "write")]
    assert seen(read) == [("x.h5", "read")]
    before = fingerprint_file("x.h5")
    found = cell(lambda: write("a", "b")).files
    assert [(one.mode, one.fingerprint.digest) for one in found] == [
        ("read", before.digest), ("write", fingerprint_file("x.h5").digest)]


def test_fsspec(readers: Readers) -> None:
    fsspec = pytest.importorskip("fsspec")

    def write(url: str) -> None:
        with fsspec.open(url, "w") as file:
            file.write("x")

    def read(url: str) -> None:
        with fsspec.open(url) as file:
            assert file.read() == b"x"

    assert seen(lambda: write("f.txt")) == [("f.txt", "write")]
    assert seen(lambda: read("f.txt")) == [("f.txt", "read")]
    assert seen(lambda: write("memory://m.txt")) == [("memory://m.txt", "write")]
    assert seen(lambda: read("memory://m.txt")) == [("memory://m.txt", "read")]


def test_memory_maps_of_numpy_and_of_the_standard_library(readers: Readers) -> None:
    np = pytest.importorskip("numpy")
    import mmap

    np.save("x.npy", np.arange(10))
    assert seen(lambda: np.load("x.npy", mmap_mode="r").sum()) == [("x.npy", "read")]
    assert seen(lambda: np.memmap("x.npy", dtype="u1", mode="r").sum()) == [("x.npy", "read")]

    def mapped() -> None:
        with Path("x.npy").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            assert view[:6] == b"\x93NUMPY"

    assert seen(mapped) == [("x.npy", "read")]


def test_a_temporary_file_is_no_folder_that_the_cell_filled(readers: Readers) -> None:
    """`O_TMPFILE` opens the folder for writing: everything in it would have counted as written."""
    import tempfile

    Path("other.txt").write_text("x")

    def scratch() -> None:
        with tempfile.TemporaryFile(dir=".") as file:
            file.write(b"x")

    assert seen(scratch) == []


def test_an_sqlite_file_is_written_by_the_cell_that_changes_it(readers: Readers) -> None:
    held = {}
    found = cell(lambda: held.update(base=sqlite3.connect("base.db")))
    assert (found.effects, [one.mode for one in found.files if one.fingerprint.nbytes]) == ([], [])

    def fill() -> None:
        held["base"].execute("create table t (a)")
        held["base"].execute("insert into t values (1)")
        held["base"].commit()

    assert seen(fill) == [("base.db", "write")]
    assert seen(lambda: held["base"].execute("select * from t").fetchall()) == []
    assert seen(lambda: sqlite3.connect("base.db").execute("select * from t").fetchall()) == [("base.db", "read")]


def test_what_a_cell_read_before_it_overwrote_the_file_is_known(readers: Readers) -> None:
    pandas = pytest.importorskip("pandas")
    Path("x.csv").write_text("a\n1\n")
    before = fingerprint_file("x.csv")
    found = cell(lambda: pandas.read_csv("x.csv").assign(b=2).to_csv("x.csv", index=False)).files
    assert [(one.mode, one.fingerprint.digest) for one in found] == [
        ("read", before.digest), ("write", fingerprint_file("x.csv").digest)]


def test_what_is_watched_looks_as_it_did(readers: Readers) -> None:
    pl = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    h5py = pytest.importorskip("h5py")
    duckdb = pytest.importorskip("duckdb")
    for function in (pl.read_csv, pl.scan_parquet, pa.memory_map, pa.parquet.read_table, h5py.File.__init__, duckdb.sql):
        assert function.__doc__ == inspect.unwrap(function).__doc__
        assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))
        assert pickle.loads(pickle.dumps(function)) is function or function is h5py.File.__init__
    assert pl.read_csv is importlib.import_module("polars.io").read_csv
    with pytest.raises(FileNotFoundError):
        cell(lambda: pl.read_csv("none.csv"))
    with pytest.raises(TypeError, match="unexpected keyword"):
        cell(lambda: pl.read_parquet("none", nonsense=1))


def test_no_frame_of_ours_is_in_a_traceback(readers: Readers) -> None:
    pl = pytest.importorskip("polars")
    with pytest.raises(FileNotFoundError) as error:
        cell(lambda: pl.read_csv("none.csv"))
    ours = [frame for frame in traceback.extract_tb(error.tb) if "mlops_jupyter" in frame.filename]
    assert ours == []


def test_remove_puts_everything_back_and_nothing_is_wrapped_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Readers, "_take_tool", lambda self: None)
    for name in ("pyarrow.parquet", "polars", "duckdb", "pandas", "h5py", "fsspec"):
        pytest.importorskip(name)
    spots = [(module, path) for module, doors in DOORS.items() if module in sys.modules for path in doors]

    def there() -> list[object]:
        found = []
        for name, path in spots:
            owner: object = sys.modules[name]
            for part in path.split("."):
                owner = inspect.getattr_static(owner, part, None)
            found.append(owner)
        return found

    before = there()
    imports = ImportHooks(lambda step: step())
    one, two = Readers(Sights(WATCH), imports), Readers(Sights(WATCH), ImportHooks(lambda step: step()))
    one.install()
    wrapped = there()
    assert sum(a is not b for a, b in zip(before, wrapped, strict=True)) > 60
    two.install()
    behind = [[getattr(door, "__wrapped__", door) for door in doors] for doors in (wrapped, there())]
    assert all(a is b for a, b in zip(*behind, strict=True))
    two.remove()
    one.remove()
    assert [path for (_, path), a, b in zip(spots, before, there(), strict=True) if a is not b] == []


def test_what_a_forked_child_reads_is_not_told(readers: Readers) -> None:
    pl = pytest.importorskip("polars")
    assert pl is not None
    Path("x.txt").write_text("x")

    def fork() -> None:
        child = os.fork()
        if child == 0:
            Path("x.txt").read_text()
            os._exit(0)
        os.waitpid(child, 0)

    assert seen(fork) == []
