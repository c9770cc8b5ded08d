"""Secrets out of text before it reaches outbox, disk or hash.

Four questions are asked of each text, the cheap ones first: does it hold a value that is known to be secret (`known.py`), the
format of a provider's key (`formats.py`), a value that stands at a secret's name (`named.py`), a column under such a name
(`tables.py`)? Each begins with a search for plain substrings, so that text without any costs microseconds. What is found becomes
`[redacted:<kind>:<8 hex>]`: the hex is an HMAC under a key that stays on this machine (`key.py`), so that the same secret is
recognised again and cannot be guessed from the record.

The text is what a reader would see, not an encoding of it; encoded and broken spellings (base64, percent, JSON, adjacent
literals, wrapped lines) are looked for in it. `recorder.py` is the last gate before the outbox: no field of any
record passes unseen.
"""

from __future__ import annotations

from mlops_jupyter.capture.secrets.key import load_key
from mlops_jupyter.capture.secrets.known import MINIMUM
from mlops_jupyter.capture.secrets.recorder import CleanOutbox
from mlops_jupyter.capture.secrets.redactor import Redactor, register

__all__ = ["MINIMUM", "CleanOutbox", "Redactor", "load_key", "register"]
