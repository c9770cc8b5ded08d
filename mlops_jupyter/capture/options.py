"""How a session is asked for: the options of `%mlops track`, of the papermill engine and of headless runs, as one struct."""

from __future__ import annotations

import msgspec

from mlops_jupyter.entities.sessions import Origin, OutputPolicy, SessionKind


class TrackOptions(msgspec.Struct, omit_defaults=True):
    """`session_id` empty: a new one. `store` and `state` override Settings for this kernel (the server hands them on)."""

    experiment: str = ""
    experiment_id: str = ""
    """Set where a job reports to the experiment it was made from; else it follows from name or notebook."""
    tags: dict[str, str] = {}
    outputs: OutputPolicy = "all"
    kind: SessionKind = "notebook"
    notebook_path: str = ""
    session_id: str = ""
    origin: Origin | None = None
    store: str = ""
    state: str = ""
    owner: str = ""
    keep_data: int = 0
    """Bytes of read files to keep, for the whole store; 0: none."""


def decode_options(text: str) -> TrackOptions:
    """The options in JSON `text`. Raises `msgspec.ValidationError` for anything else."""
    return msgspec.json.decode(text, type=TrackOptions)
