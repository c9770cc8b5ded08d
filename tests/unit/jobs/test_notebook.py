"""What is no notebook, or cannot run unattended, is refused with the value and the remedy before a kernel starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_jupyter.entities import InputError, NotFoundError
from mlops_jupyter.jobs.notebook import check_runs_unattended, read_notebook


def notebook(*sources: str, **changes: object) -> dict[str, object]:
    cells = [{"cell_type": "code", "id": f"c{place}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
             for place, source in enumerate(sources)]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **changes}


def written(folder: Path, content: object) -> Path:
    path = folder / "n.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def with_shared_id() -> dict[str, object]:
    made = notebook("a", "b")
    made["cells"][1]["id"] = "c0"  # type: ignore[index]
    return made


@pytest.mark.parametrize(("content", "says"), [
    (b"", "not JSON"), (b"{", "not JSON"), (b"print('hello')", "not JSON"), (b"[" * 100_000, "not JSON"),
    (b'{"nbformat": 4, "cells": ["\xff"]}', "not UTF-8: byte 0xff at offset 27"),
    (b"[]", "a JSON list, not an object"), (b"null", "NoneType"), (b"{}", "no nbformat number"), (b'{"nbformat": "4"}', "'4'"),
    (notebook(nbformat=3), "format 3"), (notebook(nbformat=99), "format 99"), (notebook(cells=None), "no list of cells"),
    (notebook(cells=[1]), "cell 1 is a int"), (with_shared_id(), "cells 1 and 2 have the same id 'c0'"),
    (b'{\n"cells": [\n<<<<<<< HEAD\n  {},\n=======\n>>>>>>> other\n]}', "conflict marker on line 3: <<<<<<< HEAD"),
    (notebook(cells=[{"cell_type": "code", "id": "a"}]), "not a valid notebook"),
])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(InputError, match=r"n\.ipynb") as caught:
        read_notebook(written(tmp_path, content))
    assert says in caught.value.what
    assert caught.value.remedy


def test_a_missing_notebook_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.ipynb"):
        read_notebook(tmp_path / "gone.ipynb")
    with pytest.raises(InputError, match="cannot be read"):
        read_notebook(tmp_path)


def test_cells_of_an_older_minor_format_get_the_same_ids_every_time(tmp_path: Path) -> None:
    old = notebook("a = 1", "b = 2", nbformat_minor=4)
    for cell in old["cells"]:  # type: ignore[attr-defined]
        del cell["id"]
    path = written(tmp_path, old)
    assert [cell.id for cell in read_notebook(path).cells] == [cell.id for cell in read_notebook(path).cells]
    assert len({cell.id for cell in read_notebook(path).cells}) == 2


def test_sources_saved_as_lists_of_lines_are_read_as_text(tmp_path: Path) -> None:
    made = notebook("a")
    made["cells"][0]["source"] = ["a = 1\n", "b = 2"]  # type: ignore[index]
    assert read_notebook(written(tmp_path, made)).cells[0].source == "a = 1\nb = 2"


@pytest.mark.parametrize("source", ["x = input()", "print(input('name? '))",
                                    "import getpass\np = getpass.getpass()", "%time\nx = input()"])
def test_a_cell_that_asks_for_a_keyboard_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=r"code cell 2, line \d calls .*\(\)"):
        check_runs_unattended(read_notebook(written(tmp_path, notebook("a = 1", source))), "n.ipynb")


@pytest.mark.parametrize(("source", "says"), [
    ("exit()", r"line 1 calls exit\(\), and that ends the kernel"), ("x = 1\nquit(0)", r"line 2 calls quit\(\)"),
    ("import os\nos._exit(0)", "ends the kernel"), ("server.serve_forever()", "the run would never end"),
    ("app = flask.Flask('a')\napp.run(port=5000)", r"calls app.run\(\), and that serves"), ("uvicorn.run(app)", "that serves"),
    ("loop.run_forever()", "would never end"),
])
def test_a_cell_that_ends_the_kernel_or_never_ends_is_refused(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(InputError, match=f"code cell 2, .*{says}"):
        check_runs_unattended(read_notebook(written(tmp_path, notebook("a = 1", source))), "n.ipynb")


@pytest.mark.parametrize("source", ["def stop():\n    exit()", "if bad:\n    exit()", "runner.run()", "import sys\nsys.exit(0)",
                                    "threading.Thread(target=server.serve_forever).start()"])
def test_a_cell_that_may_go_on_is_left_alone(tmp_path: Path, source: str) -> None:
    check_runs_unattended(read_notebook(written(tmp_path, notebook(source))), "n.ipynb")


@pytest.mark.parametrize("source", ["def ask():\n    return input()", "if interactive:\n    x = input()", "ask = lambda: input()",
                                    "df.input()", "# input()", "'input()'", "%%bash\nread x"])
def test_a_cell_that_may_never_ask_is_left_alone(tmp_path: Path, source: str) -> None:
    check_runs_unattended(read_notebook(written(tmp_path, notebook(source))), "n.ipynb")
