"""Does a value look like a secret: random, a password, or only a word that stands for one?"""

from __future__ import annotations

import re
from itertools import pairwise

_STAND_INS = frozenset(
    word for line in (
        "password passwd pass pwd passphrase secret secrets token tokens api_key apikey api-key key keys credential credentials",
        "string str bytes text none null nil true false undefined unknown redacted hidden private public default empty invalid",
        "missing required optional test testing example sample dummy fake placeholder changeme change-me change_me todo fixme",
        "user username value basic bearer digest oauth oauth2 header cookie query body form json auth authorization anonymous",
        "foo bar baz foobar abc xyz int float bool object any enabled disabled localhost",
    ) for word in line.split()
)
_STAND_IN = re.compile(
    r"[*x•.\-_#?…X\s]+|<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|\$\{?\w+\}?|%\(?\w*\)?[sdr]?|\{\{.*\}\}|%\w+%"
    r"|(?:your|my|the|an?|some|new|old|enter|insert|replace|put|use|no|not|invalid|wrong|bad)[-_ ].*"
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
    r"|\[redacted:.*",
    re.DOTALL,
)
_WORDS = re.compile(r"[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*[:?!. ]*")
_SECRET_WORD = re.compile(r"pass|pwd|secret|token|key|cred|auth|cookie|salt", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PARTS = re.compile(r"[A-Za-z0-9]+")
_HEX = re.compile(r"[0-9a-fA-F-]+")


def is_placeholder(value: str) -> bool:
    """True for a word that stands where a secret would: `password`, `<token>`, `${KEY}`, `your-key-here`, `OPENAI_API_KEY`."""
    bare = value.strip().rstrip(":?*!. ")
    return len(bare) < 3 or bare.lower() in _STAND_INS or _STAND_IN.fullmatch(bare) is not None


def is_wordy(value: str) -> bool:
    """True for letters only, in words: an identifier, a label, a sentence."""
    return _WORDS.fullmatch(value) is not None


def is_about_secrets(value: str) -> bool:
    """True for words one of which names a secret: `access_token`, `token-type`, `user password`."""
    plain = value.islower() or value.isupper() or value.istitle()
    return plain and is_wordy(value) and _SECRET_WORD.search(value) is not None


def classes(value: str) -> int:
    """How many of lower, upper, digit, other there are."""
    return sum((any(map(str.islower, value)), any(map(str.isupper, value)), any(map(str.isdigit, value)),
                any(not letter.isalnum() for letter in value)))


def looks_random(value: str) -> bool:
    """True for what no person would call a word: digits among letters, mixed classes, long hex."""
    if len(value) < 8 or any(map(str.isspace, value)):
        return False
    digits = sum(map(str.isdigit, value))
    letters = sum(map(str.isalpha, value))
    if _HEX.fullmatch(value):
        return len(value) >= 16 and digits >= 3 and letters >= 3
    if not digits or not letters:
        return classes(value) >= 3 and not is_wordy(value)
    switches = sum(one.isdigit() != other.isdigit() for one, other in pairwise(value))
    return switches >= 3 or classes(value) >= 3


def is_hard(value: str) -> bool:
    """Random in a way that nobody names a variable: also where the value could be an expression."""
    if _UUID.fullmatch(value):
        return True
    for part in _PARTS.findall(value):
        digits = sum(map(str.isdigit, part))
        if _HEX.fullmatch(part) and len(part) >= 16:
            return digits >= 3 and digits < len(part)
        if len(part) >= 8 and digits and classes(part) == 3 and sum(a.isdigit() != b.isdigit() for a, b in pairwise(part)) >= 3:
            return True
    return False
