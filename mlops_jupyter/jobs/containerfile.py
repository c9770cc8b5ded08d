"""The `Containerfile` of a bundle: the Python that the job was made with, its lock, mlops_jupyter, and the job as the command.

Built in the bundle's folder (`docker build -t job .`, or podman), the image takes what `mlops run` takes, and leaves in
`/work` what a run leaves. Which mlops_jupyter it holds is said when it is built: one that is on no index as a wheel's address.
"""

from __future__ import annotations

from mlops_jupyter.entities import JobManifest
from mlops_jupyter.version import __version__

CONTAINERFILE = "Containerfile"
HOME, WORK = "/job", "/work"


def containerfile(manifest: JobManifest, requirements: str) -> bytes:
    """Its text. `requirements`: the lock, of which a repository needs git in the image."""
    tag = ".".join(manifest.python.split(".")[:2])
    tool = ["RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*"]
    lines = [
        f"# The job {manifest.name}. Build it in this folder, run it with a folder for what it leaves:",
        "#   docker build -f Containerfile -t job .",
        f'#   docker run --rm -v "$PWD/work:{WORK}" job -p name=value',
        f"FROM python:{tag}-slim",
        f"ARG MLOPS_JUPYTER=mlops_jupyter=={__version__}",
        *(tool if " @ git+" in requirements else []),
        f"COPY requirements.txt {HOME}/requirements.txt",
        f'RUN python -m pip install --no-cache-dir -r {HOME}/requirements.txt "$MLOPS_JUPYTER"',
        f"COPY . {HOME}",
        f"ENV MLOPS_STORE={WORK}/store MLOPS_STATE={WORK}/state",
        f"WORKDIR {WORK}",
        f'ENTRYPOINT ["mlops", "run", "{HOME}"]',
    ]
    return ("\n".join(lines) + "\n").encode()
