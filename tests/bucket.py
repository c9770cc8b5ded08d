"""A real S3 server on loopback for tests: moto's, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from tests.ports import free_port


class S3:
    """The server; `environment` lets any client of this machine in."""

    def __init__(self, log: Path | None = None) -> None:
        """`log`: a file for its requests, a line each."""
        self.address = f"http://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        with Path(log or os.devnull).open("wb") as said:
            self._process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port], stdout=said,
                                             stderr=said)
        self.environment = {
            "AWS_ENDPOINT_URL": self.address, "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1," + os.environ.get("NO_PROXY", ""),
        }  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.address, timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                assert time.monotonic() < until, "the S3 server did not answer"
                assert self._process.poll() is None, "the S3 server did not start"
                time.sleep(0.05)

    def bucket(self) -> str:
        """A new, empty one: its URL."""
        import fsspec

        name = f"b{uuid.uuid4().hex}"
        credentials = {"key": "tests", "secret": "tests", "endpoint_url": self.address}
        fsspec.filesystem("s3", skip_instance_cache=True, **credentials).mkdir(name)
        return f"s3://{name}/blobs"

    def remove(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
