"""The exact command that installs the kernel part into the environment of one kernel.

Kernel and Lab often live in different environments. The kernel's own interpreter is the first word of its kernel spec; what to
install is what this server itself was installed from, so that both ends are the same version.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from jupyter_client.kernelspec import KernelSpecManager

from mlops_jupyter.version import __version__

DISTRIBUTION = "mlops_jupyter"


class KernelCommand(msgspec.Struct, frozen=True):
    """How to install into the environment of a kernel spec; `command` is "" where the kernel is no Python."""

    name: str
    display_name: str
    language: str
    command: str


def kernel_commands(specs: KernelSpecManager) -> list[KernelCommand]:
    """One for each kernel that the server offers, by name."""
    found = []
    for name, entry in sorted(specs.get_all_specs().items()):
        spec = entry["spec"]
        language = str(spec.get("language", ""))
        command = install_command([str(word) for word in spec.get("argv", [])]) if language == "python" else ""
        found.append(KernelCommand(name, str(spec.get("display_name", name)), language, command))
    return found


def install_command(argv: Sequence[str]) -> str:
    """`<interpreter> -m pip install <what>` for the kernel that `argv` starts."""
    if not argv:
        return ""
    return shlex.join([*interpreter(argv), "-m", "pip", "install", requirement()])


def interpreter(argv: Sequence[str]) -> list[str]:
    """The words that start the kernel's Python: a wrapper such as `conda run -n env python` stays in front of it."""
    words = list(argv)
    for position, word in enumerate(words):
        if Path(word).name.startswith(("python", "pypy")):
            found = words[: position + 1]
            break
    else:
        return [sys.executable]
    if len(found) == 1 and not Path(found[0]).is_absolute():
        return [sys.executable if found[0] in ("python", "python3") else shutil.which(found[0]) or found[0]]
    return found


def requirement() -> str:
    """What to install: the folder, URL or version that this server runs."""
    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    if not text:
        return f"{DISTRIBUTION}=={__version__}"
    origin = json.loads(text)
    url = str(origin.get("url", ""))
    if url.startswith("file://"):
        return unquote(urlsplit(url).path)
    vcs = origin.get("vcs_info")
    return f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
