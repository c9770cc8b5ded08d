"""Reading a notebook that somebody hands us: what is wrong with it is said before anything starts.

nbformat repairs what it can without a word (it makes new ids for cells that share one); we name it instead, because a cell
id is how an execution finds its cell.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import nbformat

from mlops_jupyter.entities import InputError, NotFoundError

Notebook = dict[str, object]


def read_notebook(path: str | Path) -> Notebook:
    """The notebook at `path` as its JSON. InputError or NotFoundError names what is wrong with it."""
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{file} is a folder, not a notebook", "give the path of a file that ends in .ipynb")
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"there is no notebook at {file}", "ls *.ipynb") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", f"ls -l {file}") from None
    return _checked(_parsed(raw, file), file)


def _parsed(raw: bytes, file: Path) -> Notebook:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not valid UTF-8: byte {raw[error.start]:#04x} at position {error.start}",
                         f"save it again as UTF-8, or: iconv -f latin-1 -t utf-8 {file} > fixed.ipynb") from None
    try:
        notebook = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{file} is not a notebook: it is not JSON{where}", "open it in JupyterLab and save it") from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise InputError(f"{file} is not a notebook: it has no `nbformat`", "open it in JupyterLab and save it")
    return notebook


def _checked(notebook: Notebook, file: Path) -> Notebook:
    version = notebook["nbformat"]
    upgrade = f"jupyter nbconvert --to notebook --nbformat 4 --inplace {file}"
    if version != 4:
        raise InputError(f"{file} has notebook format {version}, we read format 4", upgrade)
    shared = [cell for cell, count in Counter(_ids(notebook)).items() if count > 1]
    if shared:
        raise InputError(f"{file} has cells that share the id {shared[0]!r}",
                         "delete and re-insert one of them in JupyterLab, so that it gets an id of its own")
    try:
        nbformat.validate(nbformat.from_dict(json.loads(json.dumps(notebook))), repair_duplicate_cell_ids=False)
    except Exception as error:  # noqa: BLE001 (jsonschema's and nbformat's errors share no base)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{file} is not a valid notebook: {reason[:200]}", upgrade) from None
    return notebook


def _cells(notebook: Notebook) -> list[dict[str, object]]:
    cells = notebook.get("cells")
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _ids(notebook: Notebook) -> list[str]:
    return [str(cell["id"]) for cell in _cells(notebook) if "id" in cell]


def code_cells(notebook: Notebook) -> list[tuple[str, str]]:
    """(id, source) of the code cells that hold code, in order; a cell without an id (format 4.4) gets its position as one."""
    found = []
    for position, cell in enumerate(_cells(notebook)):
        source = cell.get("source", "")
        text = "".join(str(line) for line in source) if isinstance(source, list) else str(source)
        if cell.get("cell_type") == "code" and text.strip():
            found.append((str(cell.get("id", f"cell-{position}")), text))
    return found
