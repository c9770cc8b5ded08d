"""Where a session runs: interpreter, platform, packages, hardware, git state, the user's own modules.

Everything slow is bounded: git has a time limit and a cap on its diff; the scan of installed packages is for a thread.
`package_names` is the cheap key (names of the metadata folders, well under a millisecond) that tells whether a cell installed
something.
"""

from __future__ import annotations

import os
import platform
import site
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution as Installed
from pathlib import Path
from types import ModuleType

import msgspec

from mlops_jupyter.entities.ids import derived_id
from mlops_jupyter.entities.sessions import Distribution, Environment, GitState, Hardware, LocalModule

GIT_SECONDS = 2.0
DIFF_BYTES = 4 << 20
"""A larger uncommitted diff is not kept; the session's notes say so."""


class _Origin(msgspec.Struct):
    """PEP 610, the part that is used."""

    url: str = ""
    vcs_info: dict[str, str] = {}
    dir_info: dict[str, bool] = {}


def environment(*, packages: bool = True) -> Environment:
    """Interpreter, platform and, unless `packages` is False, every distribution. The id follows from the content."""
    found = tuple(sorted(installed(), key=lambda one: one.name)) if packages else ()
    python = platform.python_version()
    implementation = platform.python_implementation()
    where = platform.platform()
    text = "\n".join(f"{one.name}=={one.version} {one.origin} {one.url}" for one in found)
    return Environment(
        id=derived_id("environment", python, implementation, where, platform.machine(), text), python=python,
        implementation=implementation, platform=where, machine=platform.machine(), distributions=found, executable=sys.executable,
    )


def installed() -> list[Distribution]:
    """Every distribution on the path, once; the first on the path counts, as for import.

    Name and version are those of the metadata folder (`name-version.dist-info`), which spares parsing its files. What a package
    carries for itself is not installed: `import pkg_resources` puts setuptools' own copies on the path.
    """
    found: dict[str, Distribution] = {}
    for folder in dict.fromkeys(sys.path):
        if Path(folder).name == "_vendor":
            continue
        try:
            with os.scandir(folder or ".") as entries:
                places = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for place in places:
            one = _distribution(Path(place))
            key = one.name.lower().replace("_", "-").replace(".", "-")
            if one.name and key not in found:
                found[key] = one
    return list(found.values())


def _distribution(place: Path) -> Distribution:
    name, _, version = place.stem.partition("-")
    if place.suffix == ".egg-info" or not version:
        metadata = Installed.at(place).metadata
        name, version = (metadata["Name"] or name, metadata["Version"] or "") if metadata is not None else (name, version)
    direct = _read(place / "direct_url.json")
    if direct:
        origin, url = _origin(direct)
        return Distribution(name=name, version=version, origin=origin, url=url)
    conda = _CONDA and _read(place / "INSTALLER").strip() == "conda"
    return Distribution(name=name, version=version, origin="conda" if conda else "")


_CONDA = (Path(sys.prefix) / "conda-meta").is_dir()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _origin(text: str) -> tuple[str, str]:
    try:
        direct = msgspec.json.decode(text, type=_Origin)
    except msgspec.MsgspecError:
        return "unknown", ""
    if direct.dir_info.get("editable"):
        return "editable", direct.url
    if direct.vcs_info:
        vcs, commit = direct.vcs_info.get("vcs", "git"), direct.vcs_info.get("commit_id", "")
        return "vcs", f"{vcs}+{direct.url}@{commit}"
    return ("local" if direct.url.startswith("file:") else "url"), direct.url


def package_names() -> frozenset[str]:
    """Names of the metadata folders on the path: changes when something is installed, removed or upgraded."""
    found: set[str] = set()
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                found.update(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info", ".egg-link")))
        except OSError:
            continue
    return frozenset(found)


def hardware() -> Hardware:
    """Cores, memory, processor, and NVIDIA devices as the driver lists them."""
    devices: list[str] = []
    for information in Path("/proc/driver/nvidia/gpus").glob("*/information"):
        try:
            lines = information.read_text(errors="replace").splitlines()
        except OSError:
            continue
        devices.extend(line.partition(":")[2].strip() for line in lines if line.startswith("Model:"))
    return Hardware(cores=os.cpu_count() or 1, memory=_memory(), processor=_processor(), accelerators=tuple(devices))


def _memory() -> int | None:
    """Bytes of memory. Asked of the system itself where it answers: importing psutil takes longer than all the rest here."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        import psutil

        return int(psutil.virtual_memory().total)


def _processor() -> str:
    """The model as the kernel names it; `platform.processor()`, which starts a process on Linux, only elsewhere."""
    try:
        with Path("/proc/cpuinfo").open() as file:
            lines = [line.partition(":") for line, _ in zip(file, range(64), strict=False)]
    except OSError:
        return platform.processor()
    return next((value.strip() for name, _, value in lines if name.strip() in {"model name", "Model", "cpu"}), platform.machine())


def git_state(folder: Path, keep: Callable[[bytes], str], redact: Callable[[str], str]) -> tuple[GitState | None, list[str]]:
    """(the work tree that `folder` lies in, notes). None outside a work tree or without git."""
    told = run_git(folder, "rev-parse", "--show-toplevel", "HEAD", "--abbrev-ref", "HEAD")
    if told is None:
        root = run_git(folder, "rev-parse", "--show-toplevel")
        if root is None:
            return None, []
        return GitState(commit="", root=root.decode(errors="replace").strip()), ["the git tree has no commit yet"]
    root_text, commit, branch, *_ = [*told.decode(errors="replace").splitlines(), "", "", ""]
    notes: list[str] = []
    status = run_git(folder, "status", "--porcelain", "--untracked-files=no")
    if status is None:
        notes.append("git status took too long: uncommitted changes are not known")
    diff: str | None = None
    if status:
        patch = run_git(folder, "diff", "--no-color", "--no-ext-diff", "HEAD")
        if patch is None or len(patch) > DIFF_BYTES:
            notes.append(f"the uncommitted diff is not kept: {'git took too long' if patch is None else f'{len(patch):,} bytes'}")
        else:
            diff = keep(redact(patch.decode("utf-8", "replace")).encode())
    remote = run_git(folder, "config", "--get", "remote.origin.url") or b""
    return GitState(commit=commit, branch="" if branch == "HEAD" else branch, dirty=bool(status), diff=diff, root=root_text,
                    remote=redact(remote.decode(errors="replace").strip())), notes


def run_git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None if it fails, is absent or takes too long. It never locks, asks or pages."""
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, timeout=GIT_SECONDS, env=quiet,
                              check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


_FRONT_END = frozenset({
    "IPython", "ipykernel", "asttokens", "executing", "stack_data", "pure_eval", "jedi", "parso", "traitlets", "zmq", "tornado",
    "mlops_jupyter", "jupyter_client", "jupyter_core", "msgspec", "xxhash", "psutil", "comm", "debugpy",
    "matplotlib_inline", "__mp_main__",
})
"""Loaded by the shell or by us while a cell runs: not the user's imports, unless the text says so."""


class LocalModules:
    """The user's own modules: loaded from a file that is neither standard library nor installed."""

    def __init__(self, cwd: Path, keep: Callable[[bytes], str], redact: Callable[[str], str]) -> None:
        self._cwd = cwd
        self._keep = keep
        self._redact = redact
        self._seen: set[str] = set()
        self._known: dict[str, tuple[Path, int]] = {}
        self._foreign = _foreign_folders()
        self._loaded = 0
        self._packages: set[str] = set()
        self._files: set[str] = set()

    def changed(self, named: Iterable[str] = ()) -> tuple[list[LocalModule], list[str]]:
        """(modules loaded or edited since the last call, packages first loaded since then; no standard library).

        `named` are packages that the cell's text imports.
        """
        found: list[LocalModule] = []
        packages: set[str] = set()
        if len(sys.modules) != self._loaded:
            self._loaded = len(sys.modules)
            fresh = [name for name in list(sys.modules) if name not in self._seen]
            self._seen.update(fresh)
            for name in fresh:
                packages.add(name.partition(".")[0])
                file = self._own(sys.modules.get(name))
                if file is not None:
                    self._known[name] = (file, 0)
                    self._files.add(str(file))
        for name, (file, modified) in list(self._known.items()):
            try:
                now = file.stat().st_mtime_ns
                if now != modified:
                    found.append(self._record(name, file))
                    self._known[name] = (file, now)
            except OSError:
                del self._known[name]
        packages = ((packages - _FRONT_END) | {*named}) - self._packages - sys.stdlib_module_names
        self._packages |= packages
        return found, sorted(name for name in packages if not name.startswith("_"))

    def owns(self, filename: str) -> bool:
        """True for the file of a module of the user's."""
        return filename in self._files

    def _own(self, module: ModuleType | None) -> Path | None:
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or file.startswith(self._foreign):
            return None
        if "site-packages" in file or "dist-packages" in file or "/ipykernel_" in file or module is sys.modules.get("__main__"):
            return None
        return Path(file).absolute()

    def _record(self, name: str, file: Path) -> LocalModule:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        digest = self._keep(self._redact(text).encode("utf-8", "surrogateescape"))
        relative = file.relative_to(self._cwd).as_posix() if file.is_relative_to(self._cwd) else ""
        return LocalModule(name=name, path=str(file), digest=digest, relative=relative)


def _foreign_folders() -> tuple[str, ...]:
    """Standard library, installed packages, and this package itself (also when it is an editable install)."""
    paths = sysconfig.get_paths()
    folders = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])]
    return tuple({os.path.normpath(folder) + os.sep for folder in folders})
