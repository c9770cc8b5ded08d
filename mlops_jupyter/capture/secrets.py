"""Secrets out of text before it reaches outbox, disk or hash.

One compiled pattern, one pass. What is found becomes `[redacted:<kind>:<8 hex>]`: the hex is an HMAC under a key that stays on
this machine, so that the same secret is recognised again and cannot be guessed from the record. Values of environment
variables with secret-looking names are part of the pattern, which is rebuilt when the environment's values change.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets as random_bytes
from collections.abc import Mapping
from pathlib import Path

_NAMED = r"(?:pass(?:wd|word|phrase)?|pwd|secret|token|api_?key|apikey|access_?key|private_?key|credentials?|auth_?key)"
_ENVIRONMENT_NAME = re.compile(rf"(?:^|_){_NAMED}(?:$|_)|(?:password|secret|token|apikey)$", re.IGNORECASE)
MINIMUM = 6
"""Shorter values of environment variables (`1`, `true`, `dev`) would redact ordinary text."""

_PATTERNS = {
    "pem": r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    "aws": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "github": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "gitlab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "slack": r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    "anthropic": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "openai": r"\bsk-(?:proj-)?[A-Za-z0-9_-]{20,}",
    "google": r"\bAIza[0-9A-Za-z_-]{35}",
    "stripe": r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}",
    "huggingface": r"\bhf_[A-Za-z0-9]{30,}",
    "databricks": r"\bdapi[0-9a-f]{32}\b",
    "pypi": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "jwt": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "url": r"(?<=://)[^\s/:@'\"<>]*:[^\s/@'\"<>]+(?=@)",
    "bearer": r"(?<=[Bb]earer )[A-Za-z0-9._~+/-]{16,}=*",
}
# `db_password = "…"`, `{"api_key": "…"}`, `connect(token="…")`: group `value` is the string literal's inside.
_ASSIGNED = (
    rf"(?P<name>\b[A-Za-z0-9_]*(?i:{_NAMED})(?:s|_[A-Za-z0-9]+)?['\"]?\]?\s*(?::\s*str\s*)?[=:]\s*[rbuRBU]{{0,2}})"
    r"(?P<quote>['\"])(?P<value>(?!\[redacted:)[^'\"\n]{3,})(?P=quote)"
)


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


class Redactor:
    """`redactor(text)` is `text` without secrets. `environ` is read again when its secret-looking values change."""

    def __init__(self, key: bytes, environ: Mapping[str, str] | None = None) -> None:
        self._key = key
        self._environ = os.environ if environ is None else environ
        self._values: tuple[str, ...] = ()
        self._pattern = self._build(())
        self.refresh()

    def refresh(self) -> None:
        """Look at the environment again. Cheap: called once per cell."""
        values = tuple(sorted(
            {value for name, value in self._environ.items()
             if len(value) >= MINIMUM and name not in {"PWD", "OLDPWD"} and _ENVIRONMENT_NAME.search(name)},
            key=len, reverse=True,
        ))
        if values != self._values:
            self._values = values
            self._pattern = self._build(values)

    @staticmethod
    def _build(values: tuple[str, ...]) -> re.Pattern[str]:
        parts = [rf"(?P<env>{'|'.join(re.escape(value) for value in values)})"] if values else []
        parts += [f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()]
        return re.compile("|".join([*parts, f"(?P<assigned>{_ASSIGNED})"]))

    def _mark(self, kind: str, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]
        return f"[redacted:{kind}:{digest}]"

    def _replace(self, match: re.Match[str]) -> str:
        if match.lastgroup == "assigned":
            quote = match["quote"]
            return f"{match['name']}{quote}{self._mark('literal', match['value'])}{quote}"
        return self._mark(match.lastgroup or "secret", match[0])

    def is_secret(self, name: str, value: object) -> bool:
        """True for text under a secret-looking name, or that holds a secret: not even its hash may be kept."""
        if type(value) is not str or len(value) < MINIMUM:
            return False
        return _ENVIRONMENT_NAME.search(name) is not None or (len(value) < 4096 and self(value) != value)

    def __call__(self, text: str) -> str:
        """`text` with each secret replaced. Text without one is returned as it is."""
        return self._pattern.sub(self._replace, text)
