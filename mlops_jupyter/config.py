"""One typed Settings for every floor: from traitlets configuration, else the environment, else a per-user default.

The store and the outbox are two places. The store may be a database far away; the outbox is always a local folder, one for
each store, so that the records of one project are never shipped into another's store.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from traitlets import Float, Int, Unicode
from traitlets.config import SingletonConfigurable


def default_store() -> str:
    """`$MLOPS_STORE`, else `mlops` in the user's Jupyter data folder."""
    return os.environ.get("MLOPS_STORE") or str(Path(jupyter_data_dir()) / "mlops")


class Settings(SingletonConfigurable):
    """What can be set, as `c.Settings.<name>` in a Jupyter configuration file or by environment variable."""

    store = Unicode(help="Folder, SQL URL or https URL of the store. Environment: MLOPS_STORE.").tag(config=True)
    state = Unicode(help="Local folder for outboxes and environments of jobs. Environment: MLOPS_STATE.").tag(config=True)
    output_characters = Int(65_536, help="Longest text kept of one output; a cut is recorded.").tag(config=True)
    output_bytes = Int(4_194_304, help="Largest picture kept of one output, in bytes.").tag(config=True)
    outputs_per_cell = Int(100, help="Most outputs kept of one cell execution.").tag(config=True)
    hash_bytes = Int(8_589_934_592, help="Most bytes hashed of one value; of more, evenly spaced parts.").tag(config=True)
    hash_wait = Float(0.05, help="Seconds that a cell waits for a value it could touch that is being hashed.").tag(config=True)
    checkpoint_bytes = Int(4_294_967_296, help="Most bytes of checkpoints of jobs, on this machine.").tag(config=True)
    tolerance = Float(1e-9, help="Relative difference up to which a re-run number is `within tolerance`.").tag(config=True)

    tell = Unicode(help="Whom to tell of the ends of your jobs: addresses of apprise. Environment: MLOPS_TELL.").tag(config=True)
    follow_seconds = Float(15.0, help="Seconds between two looks of a server at jobs that have not ended.").tag(config=True)

    @classmethod
    def current(cls) -> Settings:
        """The process's settings; reads the environment anew where nothing was configured."""
        settings = cls.instance()
        return settings if isinstance(settings, Settings) else cls()

    def store_url(self) -> str:
        """The configured store, else `default_store()`. A relative folder is made absolute."""
        url = self.store or default_store()
        return url if "://" in url else str(Path(url).expanduser().absolute())

    def shown(self) -> str:
        """The store as it may be printed: of an URL with a password, without it."""
        url = self.store_url()
        head, at, rest = url.partition("://")[2].rpartition("@")
        return url.partition("://")[0] + "://" + head.partition(":")[0] + at + rest if at else url

    def outbox_folder(self) -> Path:
        """Where the writers of this store append. The folder may not exist yet."""
        store = hashlib.sha256(self.store_url().encode()).hexdigest()[:12]
        return self._state_folder() / store / "outbox"

    def submissions_folder(self) -> Path:
        """Where this machine's submissions to this store keep their logs and what they deliver. The folder may not exist yet."""
        return self.outbox_folder().parent / "submissions"

    def profiles_folder(self) -> Path:
        """Where statistics of data that somebody looked at stay, until something is forgotten. The folder may not exist yet."""
        return self.outbox_folder().parent / "profiles"

    def environments_folder(self) -> Path:
        """Where the virtual environments of jobs are kept, whatever the store. The folder may not exist yet."""
        return self._state_folder() / "environments"

    def addresses(self) -> list[str]:
        """Whom to tell of the ends of this user's jobs, beside those that are named with a job."""
        return (self.tell or os.environ.get("MLOPS_TELL", "")).split()

    def _state_folder(self) -> Path:
        base = self.state or os.environ.get("MLOPS_STATE") or str(Path(jupyter_data_dir()) / "mlops-state")
        return Path(base).expanduser().absolute()
