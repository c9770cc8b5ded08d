"""Values that stand at a secret's name: `db_password = "…"`, `{"api_key": "…"}`, `TOKEN=…`, `Password=…;`, `IDENTIFIED BY '…'`.

Secret words are looked for as plain substrings; only where one stands, a pattern asks what follows. Whether the value is one is a
matter of both: after `password` any word in quotes is a secret, after `token` only what looks like none of a parser's or a
tokenizer's words, and without quotes only what cannot be an expression of Python.
"""

# ruff: noqa: E501 (patterns, one to a line)
from __future__ import annotations

import re
from typing import NamedTuple

from mlops_jupyter.capture.secrets.spans import Span
from mlops_jupyter.capture.secrets.words import (
    classes,
    is_about_secrets,
    is_hard,
    is_placeholder,
    is_wordy,
    looks_random,
)

WORDS = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "cookie", "salt", "identified by", "connection", "_pat", "_pin")
_STRONG = re.compile(
    r"pass(?:wd|word|phrase|code)|(?:^|[_.-])pass(?:$|[_-])|[a-z]Pass$|pwd|secret|(?:api|access|account|private|encryption|signing|master|storage|auth|session|license"
    r"|subscription|shared|client|service|secret|app|admin|webhook|deploy|consumer|ssh|hmac|write|ingest|function|host|primary)[_-]?key"
    r"|(?:access|auth|api|bearer|refresh|secret|session|bot|id|github|gitlab|slack|hf|oauth|personal|deploy|service|security|user|app|db"
    r"|jupyter|registry|upload|download|vault|private|admin|login|sas|ci|npm|pypi)[_-]?token|credential|connection_?string|identified by",
    re.IGNORECASE,
)
_WEAK = re.compile(r"token|auth|cookie|salt|credential|_pat\b|_pin\b|\bpat\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:name|type|field|path|file|url|uri|endpoint|env|header|label|kind|format|prefix|suffix|len|length|class|column|cols?|regex|pattern|prompt|hint"
    r"|help|message|msg|error|policy|strength|required|expir\w*|ttl|count|limit|size|index|position|pos|method|mode|scheme|provider|id|ids|text"
    r"|input|output|default|version|status|description|desc|title|manager|store|backend|hasher|algorithm|alg|separator|sep|style|var|(?:token|key|secret|password)s)$",
    re.IGNORECASE,
)
_TOKENIZER = re.compile(
    r"(?:pad|eos|bos|unk|mask|cls|sep|special|additional|start|end|stop|next|first|last|current|cur|prev|previous|word|sub|image|begin|parse|parsed"
    r"|close|open|comment|string|operator|name|lex|space|new|old|raw|left|right|lhs|rhs|expected|unexpected|media|visual|audio|video|extra|continuation)"
    r"_?tokens?\b|tokens?_(?:list|map|type|regex|spec|kind|set|pattern|str|text|re)|tokeni[sz]", re.IGNORECASE)
_NAME_BEFORE = re.compile(r"[A-Za-z0-9_.-]{0,40}\Z")
_GETTER = re.compile(r"(?:getenv|environ\.get|setdefault|putenv|setenv|set_key|set_password|add_header|putheader|\.set|_set|config\.get)\(\s*[\w\"', ]{0,60}\Z")
_TAIL = re.compile(
    r"(?P<rest>[A-Za-z0-9_-]{0,40}?)"
    r"(?P<close>(?:\\*[\"']|&quot;|&\#(?:39|x27);|`)?\]?)"
    r"(?:"
    r"\s*:\s*(?:typing\.)?[A-Za-z_][\w.]*(?:\[[\w\[\], .|]*\])?(?:\s*\|\s*None)?\s*=\s*"  # api_key: str | None = "…"
    r"|\s*(?:=>|:=|==|!=|=|:|%3[DA])\s*"
    r"|\s*,\s*(?=[rb]?\\*[\"'&])"
    r"|\s+(?=[rb]?\\*['\"])"
    r"|\s+(?:is|was)\s*:?\s+"
    r"|>(?=[^<>\n]*</)"
    r"|[ =]"
    r")"
)
_WRAPPER = re.compile(r"(?:(?:pydantic\.)?(?:SecretStr|SecretBytes|Secret|Field|str|bytes|quote|quote_plus|Variable|Param|f?stringify)\(\s*"
                      r"(?:default\s*=\s*|value\s*=\s*)?|\((?:\s|\\n)*)?")
_QUOTE = re.compile(r"[rbuRBUfF]{0,2}(\"\"\"|'''|\\*[\"']|&quot;|&\#(?:39|x27);|`)")
_BARE = re.compile(r"[^\s\"'<>,;&()\[\]{}`│|]{4,512}")
_ARGUMENT = re.compile(r"--?[A-Za-z0-9_-]*\Z")
_LINE_START = re.compile(r"(?:^|\n|\\n|[\"'`])[ \t]*(?:export |set |setx |ENV |ARG |- |# |\$ |> |!|%env |%set_env |!export )?\Z", re.IGNORECASE)
_TYPE = re.compile(r"(?:u?int|float|complex|bytes|str|bool|datetime|utf)[-_]?\d*", re.IGNORECASE)
_EXPRESSION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|-?[\d._]+(?:[eE][+-]?\d+)?|[A-Za-z_][\w.]*(?:[-+*/%@]+[\w.]+)+|\.\.\.|[\\n]+")
_HEX_KEY = re.compile(r"[0-9a-f]{32}(?:[0-9a-f]{8})?")


def hits(text: str) -> list[tuple[int, int]]:
    """Where secret words stand, in letters of either case."""
    low = text.lower()
    if len(low) != len(text):  # letters whose lower case is longer: positions would not be those of the text
        low = "".join(lower if len(lower := letter.lower()) == 1 else letter for letter in text)
    found: list[tuple[int, int]] = []
    for word in WORDS:
        at = low.find(word)
        while at >= 0:
            found.append((at, at + len(word)))
            at = low.find(word, at + len(word))
    return found


def find(text: str, words: list[tuple[int, int]]) -> list[Span]:
    """The values at secrets' names. `words`: what `hits` found in the text."""
    found: list[Span] = []
    for start, end in words:
        if (span := _value_at(text, start, end)) is not None:
            found += span
    if words:
        for hint, pattern, group in _CALLS:
            if hint in text:
                found += [Span(match.start(group), match.end(group), "literal", match[group]) for match in pattern.finditer(text)
                          if not is_placeholder(match[group])]
    return found


def _value_at(text: str, word: int, end: int) -> list[Span] | None:
    """The value that belongs to the secret word at [word, end)."""
    tail = _TAIL.match(text, end)
    if tail is None:
        return None
    before = _NAME_BEFORE.search(text, max(0, word - 50), word)
    start = word - len(before[0]) if before else word
    name = f"{text[start:end]}{tail['rest']}"
    at = tail.end()
    separator = text[tail.end("close"):at]
    place = _WRAPPER.match(text, at)
    inner = place.end() if place is not None else at
    quote = _QUOTE.match(text, inner)
    if quote is not None:
        return _quoted(text, quote, name, separator, text[max(0, start - 60):start])
    return _bare(text, at, start, name, separator)


def _quoted(text: str, quote: re.Match[str], name: str, separator: str, before: str) -> list[Span] | None:
    """A literal, and those that directly follow it."""
    mark = quote[1]
    parts: list[tuple[int, int]] = []
    at = quote.end()
    while True:
        close = _closing(text, at, mark)
        if close < 0:
            break
        parts.append((at, close))
        following = _ADJACENT.match(text, close + len(mark))
        if following is None or len(parts) > 20:
            break
        mark, at = following[1], following.end()
    value = "".join(text[first:last] for first, last in parts)
    if not parts or not is_secret(name, value, separator, before):
        return None
    return [Span(first, last, "literal", value, first=number == 0) for number, (first, last) in enumerate(parts) if first < last]


_ADJACENT = re.compile(r"[ \t]*\\?\s*\+?\s*[rbuRBUfF]{0,2}(\"\"\"|'''|\\*[\"'])")


def _closing(text: str, at: int, mark: str) -> int:
    """Where the literal ends; -1 if it does not end on its line."""
    if len(mark) == 3 and mark[0] != "\\":
        return text.find(mark, at)
    line = text.find("\n", at)
    limit = len(text) if line < 0 else line
    close = text.find(mark, at, limit)
    while close > at and len(mark) == 1 and text[close - 1] == "\\" and text[close - 2] != "\\":
        close = text.find(mark, close + 1, limit)
    return close


def is_secret(name: str, value: str, separator: str, before: str) -> bool:  # noqa: PLR0911 (a rule each)
    """Whether a value in quotes is the secret of that name."""
    if is_placeholder(value) or len(value) > 4096 or value.startswith("[redacted:"):
        return False
    if "{" in value and "}" in value and not looks_random(value):
        return False  # a template
    strong = _STRONG.search(name) is not None and _TOKENIZER.search(name) is None
    about = _ABOUT.search(name.rstrip("'\"")) is not None and not name.lower().endswith("pass")
    if separator.strip() == "," and _GETTER.search(before) is None:
        return strong and looks_random(value)
    if not separator.strip() and not ((strong or name.startswith("--")) and classes(value) >= 2):
        return False
    if separator.strip() in {"==", "!="} and not looks_random(value):
        return False
    if " " in value.strip():
        return strong and not about and "pass" in name.lower() and _is_phrase(value)
    if value.startswith(("http://", "https://", "/", "./", "~/", "\\")) and not looks_random(value.rpartition("/")[2] or value[1:]):
        return False
    if strong and not about:
        return not is_about_secrets(value)
    if _is_bare_key(name):
        return _HEX_KEY.fullmatch(value) is not None
    weak = strong or (_WEAK.search(name) is not None and _TOKENIZER.search(name) is None)
    return weak and not is_wordy(value) and (looks_random(value) or (not about and _is_mixed(value)))


def _is_bare_key(name: str) -> bool:
    return name.lower() == "key" or (name.lower().endswith("_key") and _STRONG.search(name) is None)


def _is_mixed(value: str) -> bool:
    """`t0ken`: digits and letters, no markup."""
    return len(value) >= 5 and value[0] not in "<[%\\(" and any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and (
        _TYPE.fullmatch(value) is None)


def _is_phrase(value: str) -> bool:
    """`correct horse battery staple`: few lower-case words, no sentence."""
    words = value.split(" ")
    return 2 <= len(words) <= 6 and all(word.isalnum() and word == word.lower() for word in words) and not (
        {"the", "a", "an", "is", "must", "your", "for", "to", "of", "not", "and", "or", "in", "with", "enter"} & set(words))


def _bare(text: str, at: int, start: int, name: str, separator: str) -> list[Span] | None:
    """A value without quotes: in a file of settings, on a command line, in a log."""
    match = _BARE.match(text, at)
    if match is None or text[match.end():match.end() + 1] in {"(", "[", "{"}:
        return None
    value = match[0].partition("\\n")[0].rstrip(".,:\\")
    if len(value) < 4 or is_placeholder(value) or _TYPE.fullmatch(value) or "://" in value or is_wordy(value) or value.isdigit():
        return None
    if not _may_hold(name, separator) or not _is_bare_secret(text, at, start, Named(name, value, separator.strip(" \t"))):
        return None
    return [Span(at, at + len(value), "value", value)]


class Named(NamedTuple):
    """A value without quotes, its name, and the sign between them; "" where that is a space."""

    name: str
    value: str
    sign: str

    @property
    def strong(self) -> bool:
        return _STRONG.search(self.name) is not None and _ABOUT.search(self.name) is None


def _may_hold(name: str, separator: str) -> bool:
    """Whether a name is one that a secret may follow."""
    if _TOKENIZER.search(name) is not None or "\n" in separator or separator.strip() in {"==", "!=", ","}:
        return False
    return _STRONG.search(name) is not None or _WEAK.search(name) is not None or name.isupper()


def _is_bare_secret(text: str, at: int, start: int, one: Named) -> bool:  # noqa: PLR0911 (a rule each)
    """What could be an expression of Python is none if no one would write it so, or if it stands where none can."""
    name, value, sign = one
    digits = any(map(str.isdigit, value))
    if not sign:
        return name.startswith("-") and (looks_random(value) or (one.strong and digits))  # `--password hunter2`
    if sign[:2] in {"is", "wa", ">"}:
        return one.strong and (digits or looks_random(value))
    expression = _EXPRESSION.fullmatch(value) is not None
    if looks_random(value) and (not expression or is_hard(value)):
        return True
    if not one.strong or not (digits or classes(value) >= 3):
        return False
    after = text[at + len(value):at + len(value) + 1]
    alone = after in {"", "\n", ";", "&", "\r", "\\", " ", '"', "'", "`"}
    begins = _LINE_START.search(text, max(0, start - 14), start) is not None
    if sign == ":":
        return begins and alone  # yaml
    tight = text[at - len(sign):at] == sign and text[at - len(sign) - 1:at - len(sign)] != " "
    if tight:
        return name.isupper() or name.startswith("--") or (alone and (begins or text[start - 1:start] in {" ", ";", "&", "?"}))
    return not expression and alone and classes(value) >= 3


_LITERAL = r"(?:\"[^\"\n]*\"|'[^'\n]*')"
_CALLS = (
    # `auth=("user", "…")`, and what else takes a secret by its place
    ("auth", re.compile(rf"auth\s*=\s*\(\s*{_LITERAL}\s*,\s*[rbu]?([\"'])([^\"'\n]+)\1"), 2),
    ("Auth(", re.compile(rf"(?:HTTPBasic|HTTPDigest|Basic|HTTPProxy)Auth\(\s*{_LITERAL}\s*,\s*([\"'])([^\"'\n]+)\1"), 2),
    ("set_password(", re.compile(rf"set_password\(\s*{_LITERAL}\s*,\s*{_LITERAL}\s*,\s*[rbu]?([\"'])([^\"'\n]+)\1"), 2),
    ("register_secret(", re.compile(r"register_secret\(\s*[rbu]?(\"\"\"|'''|\"|')(.+?)\1", re.DOTALL), 2),
)
