"""A bundle on disk: written whole or not at all, and believed only while every file has the digest that job.yaml names.

`job.yaml` is the manifest. Its `digest` covers the manifest and, through `files`, each byte of the bundle, but not the verdict of
clean runs and the tolerances seen in them, which are learned later and do not change what the job is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath

import msgspec
import yaml

from mlops_jupyter.entities import ConflictError, InputError, JobManifest, NotFoundError, content_hash
from mlops_jupyter.entities.jobs import MANIFEST_VERSION
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from mlops_jupyter.jobs.reference import Reference

MANIFEST = "job.yaml"
REFERENCE = "reference/results.json"
_LEARNED: dict[str, object] = {"verified": False, "verified_at": None, "verdict": "unverified", "tolerances": {}, "digest": ""}


class Bundle(msgspec.Struct):
    """A bundle that was checked: its folder and its manifest."""

    folder: Path
    manifest: JobManifest

    @property
    def notebook(self) -> Path:
        """The job's notebook."""
        return self.folder / NOTEBOOK

    def reference(self) -> Reference:
        """What the job must bring back."""
        return msgspec.json.decode((self.folder / REFERENCE).read_bytes(), type=Reference)


def write(draft: Draft, folder: str | Path, *, overwrite: bool = False) -> JobManifest:
    """Write the draft as a bundle; the manifest with its digests. The folder is there whole afterwards, or as it was before.

    Raises ConflictError if `folder` holds something else, or a bundle and `overwrite` is False.
    """
    folder = Path(folder).absolute()
    check_free(folder, overwrite=overwrite)
    files = {name: content_hash(data) for name, data in sorted(draft.files.items())}
    manifest = msgspec.structs.replace(draft.manifest, files=files)
    manifest.digest = digest_of(manifest)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(f"no bundle can be written in {folder.parent}: {error.strerror}",
                         "give another folder with -o") from None
    try:
        fresh.chmod(0o755)
        for name, data in draft.files.items():
            _put(fresh / _inside(name), data)
        _put(fresh / MANIFEST, _yaml(manifest))
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Raise ConflictError if a bundle cannot go to `folder`."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if folder.is_dir() and (folder / MANIFEST).is_file():
        if not overwrite:
            raise ConflictError(f"{folder} already holds a job", "give another folder with -o, or replace it with --overwrite")
        return
    what = "is a file" if not folder.is_dir() else "is not empty and holds no job"
    raise ConflictError(f"{folder} {what}", "give another folder with -o")


def load(folder: str | Path) -> Bundle:
    """The bundle in `folder`, each file checked against its digest. NotFoundError if there is none, InputError if changed."""
    folder = Path(folder).absolute()
    manifest = _read_manifest(folder)
    for name, digest in manifest.files.items():
        file = folder / _inside(name)
        if not file.is_file():
            raise InputError(f"{folder} is damaged: {name} is missing", _again(folder))
        if content_hash(file.read_bytes()) != digest:
            raise InputError(f"{folder} is not what was converted: {name} does not have the digest {digest[:19]}… of {MANIFEST}",
                             _again(folder))
    if digest_of(manifest) != manifest.digest:
        raise InputError(f"{folder} is not what was converted: {MANIFEST} does not match its own digest {manifest.digest[:19]}…",
                         _again(folder))
    return Bundle(folder, manifest)


def marks(bundle: Bundle) -> dict[str, tuple[int, int]]:
    """Size and time of each of its files that is there, to tell whether somebody wrote into it."""
    files = {name: bundle.folder / name for name in [MANIFEST, *bundle.manifest.files]}
    return {name: (file.stat().st_size, file.stat().st_mtime_ns) for name, file in files.items() if file.is_file()}


def set_verdict(bundle: Bundle, verdict: str, at: float, *, verified: bool) -> JobManifest:
    """Write into job.yaml what the clean run found, and the manifest's tolerances. The digest stays: the job is the same."""
    manifest = msgspec.structs.replace(bundle.manifest, verified=verified, verified_at=at, verdict=verdict)
    _put(bundle.folder / MANIFEST, _yaml(manifest))
    bundle.manifest = manifest
    return manifest


def set_reference(bundle: Bundle, manifest: JobManifest, reference: bytes) -> JobManifest:
    """Give a job that had no reference of its own (its draws were unseeded) the one of its first clean run: a new digest."""
    files = {**manifest.files, REFERENCE: content_hash(reference)}
    manifest = msgspec.structs.replace(manifest, files=files)
    manifest.digest = digest_of(manifest)
    _put(bundle.folder / REFERENCE, reference)
    _put(bundle.folder / MANIFEST, _yaml(manifest))
    bundle.manifest = manifest
    return manifest


def digest_of(manifest: JobManifest) -> str:
    """The digest of a job: of everything in its manifest but what was learned later."""
    plain = msgspec.structs.replace(manifest, **_LEARNED)
    return content_hash(msgspec.json.encode(msgspec.to_builtins(plain), order="sorted"))


def _read_manifest(folder: Path) -> JobManifest:
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no job in {folder}: it has no {MANIFEST}", f"mlops convert NOTEBOOK -o {folder}") from None
    except OSError as error:
        raise InputError(f"{folder / MANIFEST} cannot be read: {error.strerror}", f"ls -l {folder}") from None
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / MANIFEST} is not YAML: {' '.join(str(error).split())[:200]}", _again(folder)) from None
    version = content.get("version", MANIFEST_VERSION) if isinstance(content, dict) else None
    if isinstance(version, int) and version > MANIFEST_VERSION:
        raise InputError(f"{folder} was written by a newer mlops_jupyter (manifest version {version}, not {MANIFEST_VERSION})",
                         "pip install -U mlops_jupyter")
    try:
        return msgspec.convert(content, JobManifest)
    except msgspec.ValidationError as error:
        raise InputError(f"{folder / MANIFEST} is not a job: {error}", _again(folder)) from None


def _again(folder: Path) -> str:
    return f"convert again, or get an unchanged copy of {folder.name}; mlops inspect shows what it was made from"


def _inside(name: str) -> Path:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise InputError(f"a bundle cannot hold a file called {name!r}", "rename it, run the cells, convert again")
    return Path(*parts.parts)


def _yaml(manifest: JobManifest) -> bytes:
    head = "# A job made by mlops_jupyter. Immutable: `mlops inspect` reads it, `mlops run` runs it, an edit breaks its digest.\n"
    body: str = yaml.safe_dump(msgspec.to_builtins(manifest), sort_keys=False, allow_unicode=True, width=120)
    return (head + body).encode()


def _put(file: Path, data: bytes) -> None:
    """Write durably: whole under another name, then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.part")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


def _swap(fresh: Path, folder: Path) -> None:
    """Put the fresh folder in the place of the old one; the old one comes back if that fails."""
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    had = folder.exists()
    if had:
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if had:
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
