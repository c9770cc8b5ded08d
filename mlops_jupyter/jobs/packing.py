"""A bundle as one file: how a job travels to a machine that does not share a folder with this one.

The same bundle gives the same bytes. What comes out of such a file is checked by `bundle.load` like any bundle, against the
digests in its manifest; and a member is written only where a bundle's own file can be.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.bundle import MANIFEST, Bundle
from mlops_jupyter.jobs.storage import fetch

SUFFIX = ".zip"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_OTHERWISE = "give the folder of a bundle, or a file that was packed from one"


def pack(bundle: Bundle) -> bytes:
    """The bundle as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in sorted({MANIFEST, *bundle.manifest.files}):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            file.writestr(entry, (bundle.folder / name).read_bytes())
    return buffer.getvalue()


def unpack(file: Path, folder: Path) -> None:
    """Write the bundle in `file` into `folder`. InputError for what is none, or names a place outside."""
    try:
        with zipfile.ZipFile(file) as packed:
            for entry in packed.infolist():
                path = PurePosixPath(entry.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
                    raise InputError(f"{file} holds {entry.filename!r}, which no bundle does", _OTHERWISE)
            packed.extractall(folder)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{file} is no packed bundle: {error}", _OTHERWISE) from None


@contextmanager
def opened(bundle: str | Path) -> Iterator[Path]:
    """The folder of a bundle that is a folder, a packed file, or such a file at an address: as long as this lasts."""
    given = str(bundle)
    if "://" not in given and not (given.endswith(SUFFIX) and Path(given).is_file()):
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="mlops-bundle-") as scratch:
        file = Path(given)
        if "://" in given:
            file = Path(scratch) / "bundle.zip"
            fetch(given, file, "the bundle", _OTHERWISE)
        folder = Path(scratch) / "bundle"
        unpack(file, folder)
        yield folder
