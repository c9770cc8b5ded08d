"""Files that are written for other engines: readable, the same bytes each time, and never over somebody's edits.

The first lines of such a file say which job it was made from and how, and hold a digest of the rest. So whoever writes it again
can tell a file that is as it was written, one that somebody has changed since, and one that was never ours.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from mlops_jupyter.entities import ConflictError, InputError, JobManifest, new_id

_STAMP = re.compile(r"^\S*\s*Content (\w{16}): an edit below is noticed, and not written over\.$", re.MULTILINE)


def stamped(body: str, manifest: JobManifest, command: str, comment: str = "#") -> str:
    """`body` under lines of comment that say where it is from. `comment`: how a line of comment begins in that format."""
    name = "".join(letter if letter.isprintable() else " " for letter in manifest.name)  # a line end would end the comment
    lines = [f"Made by mlops_jupyter from the job {name}, {manifest.digest}.", f"Made again by: {command}",
             f"Content {_digest(body)}: an edit below is noticed, and not written over."]
    return "".join(f"{comment} {line}\n" for line in lines) + body


def write_generated(path: Path, text: str, *, overwrite: bool = False) -> bool:
    """Write it, whole or not at all; False if it stands there already. ConflictError over an edit or another's file."""
    if path.exists():
        there = path.read_text(encoding="utf-8", errors="replace")
        if there == text:
            return False
        if not overwrite:
            _must_be_as_written(path, there)
    partial = path.with_name(f".{path.name}.{new_id()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", "choose a folder that you may write") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return True


def stamp_of(text: str) -> str:
    """The digest of what was written, from the top of such a file; "" for one that we did not write."""
    stamp = _STAMP.search(text)
    return stamp[1] if stamp else ""


def is_as_written(text: str) -> bool:
    """Whether we wrote it, and nobody has edited it since."""
    stamp = _STAMP.search(text)
    return stamp is not None and _digest(text[stamp.end() + 1:]) == stamp[1]


def _must_be_as_written(path: Path, text: str) -> None:
    if not stamp_of(text):
        raise ConflictError(f"{path} is there, and mlops_jupyter did not write it", "move it away, or: --set overwrite=true")
    if not is_as_written(text):
        raise ConflictError(f"{path} was edited since it was written", "keep the edit, or write over it: --set overwrite=true")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
