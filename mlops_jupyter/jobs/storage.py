"""Files at an address, read and written through fsspec: `s3://bucket/rows.csv`. What its drivers raise is said in our words.

A name and a password stand in the environment, never in an address that is recorded: `https://ann:${TOKEN}@host/rows.csv`.
"""

from __future__ import annotations

import os
import re
import shutil
import urllib.parse
import urllib.request
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, cast

from mlops_jupyter.entities import InputError, MlopsError, NotFoundError, StoreError, new_id

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def place_of_output(output: Path | str | None) -> tuple[Path | None, str]:
    """(file, address) of what `-o` says: at most one of them is there."""
    if not isinstance(output, str) or "://" not in output:
        return Path(output) if output is not None else None, ""
    if output.startswith("file://"):
        return Path(urllib.request.url2pathname(urllib.parse.urlsplit(output).path)), ""
    return None, output


def check_driver(what: str, address: str, otherwise: str) -> None:
    """InputError unless fsspec has a driver for the address, installed. `otherwise`: what helps without one."""
    scheme = urllib.parse.urlsplit(address).scheme
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise InputError(f"{what}: {scheme}:// is not known here ({error})",
                         f"pip install 'mlops_jupyter[s3]' for s3://, or {otherwise}") from None


def check_no_password(what: str, parts: urllib.parse.SplitResult, option: str) -> None:
    """InputError if a password stands in the address itself. `option`: the part of the command before the address."""
    if parts.password and not _VARIABLE.fullmatch(parts.password):
        raise InputError(f"{what}: a password stands in the address of {parts.hostname}, and it would be recorded",
                         f"export it, and name the variable: {option}{parts.scheme}://user:${{PASSWORD}}@…")


def with_credentials(address: str) -> str:
    """The address with the values of the environment variables that it names."""
    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise NotFoundError(f"the address {address} needs the environment variable {match[1]}, which is not set",
                                f"export {match[1]}=…")
        return urllib.parse.quote(os.environ[match[1]], safe="")

    return _VARIABLE.sub(value, address)


def fetch(address: str, target: Path, what: str, otherwise: str) -> None:
    """Copy what lies at the address or path to `target`. InputError: what is wrong with it; StoreError: nothing answers."""
    try:
        with _opened(address) as stored, target.open("wb") as file:
            shutil.copyfileobj(stored, file)
    except MlopsError:
        target.unlink(missing_ok=True)
        raise
    except Exception as error:  # noqa: BLE001 (each file system has errors of its own: no credentials, no bucket, no network)
        target.unlink(missing_ok=True)
        raise _in_our_words(f"{what}: {address} could not be fetched", address, error, otherwise) from None


def _opened(address: str) -> AbstractContextManager[IO[bytes]]:
    """A file of this machine is opened by Python: fsspec is only there with an extra."""
    if "://" not in address:
        return Path(address).open("rb")
    import fsspec

    return cast("AbstractContextManager[IO[bytes]]", fsspec.open(with_credentials(address), "rb", skip_instance_cache=True))


def send(data: bytes, address: str, what: str, otherwise: str) -> None:
    """Write `data` at the address: whole or not at all. Raises as `fetch` does."""
    from fsspec.core import url_to_fs

    try:
        files, place = url_to_fs(with_credentials(address), skip_instance_cache=True)
        files.pipe_file(place, data)
    except MlopsError:
        raise
    except Exception as error:  # noqa: BLE001 (as above)
        raise _in_our_words(f"{what}: {address} could not be written", address, error, otherwise) from None


def listed(place: str, name: str) -> list[str]:
    """The files of that name in folders right under a path or an address, by name of the folder. None where nothing is there.

    StoreError where nothing answers.
    """
    if "://" not in place:
        return [str(path) for path in sorted(Path(place).glob(f"*/{name}"))]
    from fsspec.core import url_to_fs

    try:
        files, folder = url_to_fs(with_credentials(place), skip_instance_cache=True)
        return sorted(f"{place}/{found.removeprefix(folder).lstrip('/')}" for found in files.glob(f"{folder}/*/{name}"))
    except FileNotFoundError:
        return []
    except Exception as error:  # noqa: BLE001 (as above)
        raise _in_our_words(f"{place} could not be listed", place, error, "look at the address") from None


def put(file: Path, place: str, what: str, otherwise: str) -> None:
    """Copy a file to a path or an address, whole or not at all. Raises as `fetch` does."""
    if "://" in place:
        send(file.read_bytes(), place, what, otherwise)
        return
    target = Path(place)
    partial = target.with_name(f".{target.name}.{new_id()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, partial)
        partial.replace(target)
    except OSError as error:
        raise InputError(f"{what}: {place} could not be written: {error.strerror}", otherwise) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _in_our_words(what: str, address: str, error: Exception, otherwise: str) -> MlopsError:
    """Refused or not there: bad input. Out of reach: no store."""
    why = next(iter(str(error).splitlines()), "") or type(error).__name__
    names = {kind.__name__ for kind in type(error).__mro__}
    s3 = address.startswith("s3://")
    if isinstance(error, PermissionError) or names & {"NoCredentialsError", "PartialCredentialsError"}:
        keys = "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…, or AWS_PROFILE=…" if s3 else otherwise
        return InputError(f"{what}: {why}", keys)
    if names & {"ConnectionError", "ClientConnectionError", "HTTPClientError", "TimeoutError"}:
        look = "look at the network, and at the address of the server: echo $AWS_ENDPOINT_URL" if s3 else otherwise
        return StoreError(f"{what}: {why}", look)
    return InputError(f"{what}: {why}", otherwise)
