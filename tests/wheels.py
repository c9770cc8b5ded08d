"""A tiny package in two versions, as real wheels: what an installer installs where nothing is to be downloaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

NAME = "mlops-jupyter-tiny"
MODULE = "mlops_jupyter_tiny"


def wheel(folder: Path, version: str, source: str = "") -> Path:
    """Write the wheel of this version; its module holds `source`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{MODULE}-{version}-py3-none-any.whl"
    info = f"{MODULE}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{MODULE}.py", source or f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{MODULE}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file
