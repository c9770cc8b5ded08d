"""The key under which a secret's mark is made: one per state folder, never shipped."""

from __future__ import annotations

import os
import secrets as random_bytes
from pathlib import Path


def load_key(folder: Path) -> bytes:
    """The HMAC key kept in `folder`, made on first use with mode 0600; a key of this process only where that fails."""
    path = folder / "redaction.key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes() or random_bytes.token_bytes(32)
        key = random_bytes.token_bytes(32)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
    except OSError:
        return random_bytes.token_bytes(32)
    return key
