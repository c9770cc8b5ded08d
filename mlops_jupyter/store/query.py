"""The words of a search: `metrics.auc > 0.9 and params.max_iter = 200`, parsed into conditions. Nothing here speaks SQL.

A name is a group and what is in it (`metrics.auc`, ``params.`my name` ``, `used.package`), or a field of the run (`state`,
`started`). Conditions are joined by `and`, `or`, `not` and parentheses. Every mistake is an InputError that shows the place.
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from mlops_jupyter.entities import InputError

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "like", "ilike", "in", "not in", "changed since"]
GROUPS = {"metrics": "metric", "metric": "metric", "params": "param", "parameters": "param", "param": "param", "tags": "tag",
          "tag": "tag", "used": "used", "data": "data", "attributes": "run", "attribute": "run", "run": "run"}
FIELDS = {
    "id": "text", "experiment": "text", "session": "text", "notebook": "text", "user": "text", "name": "text", "change": "text",
    "state": "text", "git_commit": "text", "verdict": "text", "model": "text", "number": "number", "started": "moment",
    "ended": "moment", "start_time": "moment", "end_time": "moment", "status": "text",
    "starred": "text", "baseline": "text",
}
SAME = {"start_time": "started", "end_time": "ended", "status": "state"}
USED = ("dataset", "package", "module", "environment")
LONGEST = 4_000
DEEPEST = 50
MOST = 500
"""Most values in one list."""
EXAMPLE = "metrics.auc > 0.9 and params.max_iter = 200"
_TOKEN = re.compile(r"""\s*(?:
    (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.@:/-]))
  | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
  | (?P<mark>>=|<=|!=|<>|==|[=<>(),])
  | (?P<word>[^\s=<>!(),'"`]+(?:`[^`]*`|"[^"]*")?|`[^`]*`)
)""", re.VERBOSE)


@dataclass(frozen=True)
class Condition:
    """`kind` of mark (`metric`, `param`, `tag`, `dataset`, `package`, `module`, `environment`, `column`) or `run` for a field."""

    kind: str
    name: str
    operator: Operator
    value: object
    """A number, a text, or a list of either."""


@dataclass(frozen=True)
class Joined:
    """`and` or `or` of several, or `not` of one."""

    how: Literal["and", "or", "not"]
    parts: tuple[Expression, ...]


Expression = Condition | Joined


@dataclass(frozen=True)
class Order:
    """What to order by: a field of the run or a mark's value."""

    kind: str
    name: str
    descending: bool = False


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_filter(text: str) -> Expression | None:
    """The conditions of a filter; None for an empty one. InputError says what cannot be read, and where."""
    return None if not text.strip() else _Parser(text).whole()


def parse_order(text: str) -> list[Order]:
    """`metrics.auc desc, started`: what to order by; [] for an empty one."""
    return [] if not text.strip() else _Parser(text).order()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise InputError(f"a filter of {len(text)} characters is longer than {LONGEST}", "ask for less at once")
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                self._wrong("cannot be read", at)
            kind = str(match.lastgroup)
            found.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return found

    def whole(self) -> Expression:
        found = self._any()
        if self.at < len(self.tokens):
            self._wrong("`and` or `or` is missing before it")
        return found

    def order(self) -> list[Order]:
        found = []
        while True:
            kind, name = self._subject()
            word = self._peek().lower()
            found.append(Order(kind, name, word == "desc"))
            self.at += word in ("asc", "desc")
            if self.at == len(self.tokens):
                return found
            if self._peek() != ",":
                self._wrong("`asc`, `desc` or a comma is missing before it")
            self.at += 1

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _one(self) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            self._wrong(f"is nested more than {DEEPEST} deep")
        try:
            if self._takes("not"):
                return Joined("not", (self._one(),))
            if self._takes("("):
                found = self._any()
                if not self._takes(")"):
                    self._wrong("`)` is missing before it")
                return found
            return self._condition()
        finally:
            self.depth -= 1

    def _condition(self) -> Condition:
        kind, name = self._subject()
        operator = self._operator(kind)
        if operator in ("in", "not in"):
            return Condition(kind, name, operator, self._values(kind, name))
        value = self._value(kind, name)
        if operator in ("like", "ilike") and not isinstance(value, str):
            self._wrong(f"{operator} compares with a text", self.tokens[self.at - 1].at)
        return Condition(kind, name, operator, value)

    def _subject(self) -> tuple[str, str]:
        token = self._next("a name such as metrics.auc")
        if token.kind != "word":
            self._wrong("is no name such as metrics.auc", token.at)
        group, dot, rest = token.text.partition(".")
        kind = GROUPS.get(group.lower()) if dot else "run"
        name = _bare(rest if dot else token.text)
        if kind is None:
            self._wrong(f"{group!r} is none of metrics, params, tags, used, data, or a field", token.at)
        if kind == "run":
            name = name.lower()
            if name not in FIELDS:
                self._wrong(f"{name!r} is no field of a run: {', '.join(sorted(set(FIELDS) - set(SAME)))}", token.at)
            return kind, SAME.get(name, name)
        if kind == "used":
            if name not in USED:
                self._wrong(f"{name!r} is none of {', '.join(f'used.{word}' for word in USED)}", token.at)
            return name, ""
        if kind == "data":
            column, _, label = name.partition(".")
            if column != "columns" or not label:
                self._wrong("data is asked as data.columns.NAME changed since RUN", token.at)
            return "column", _bare(label)
        if not name:
            self._wrong(f"{group}. names nothing", token.at)
        return kind, name

    def _operator(self, kind: str) -> Operator:
        token = self._next("a comparison")
        word = token.text.lower()
        if kind == "column":
            if word == "changed" and self._takes("since"):
                return "changed since"
            self._wrong("data.columns.NAME takes `changed since RUN`", token.at)
        if word == "not" and self._takes("in"):
            return "not in"
        operators: dict[str, Operator] = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<=",
                                          "like": "like", "ilike": "ilike", "in": "in"}
        if word not in operators:
            self._wrong("is no comparison (= != > >= < <= like ilike in)", token.at)
        if kind in USED and operators[word] not in ("=", "!=", "in", "like"):
            self._wrong(f"used.{kind} takes = != in like", token.at)
        return operators[word]

    def _values(self, kind: str, name: str) -> list[object]:
        if not self._takes("("):
            self._wrong("a list in parentheses is missing before it")
        found = [self._value(kind, name)]
        while self._takes(","):
            found.append(self._value(kind, name))
        if not self._takes(")"):
            self._wrong("`)` is missing before it")
        if len(found) > MOST:
            self._wrong(f"a list of {len(found)} values is longer than {MOST}", self.tokens[self.at - 1].at)
        return found

    def _value(self, kind: str, name: str) -> object:
        token = self._next("a value")
        expects = FIELDS.get(name, "text") if kind == "run" else "number" if kind == "metric" else "any"
        if token.kind == "mark":
            self._wrong("is no value", token.at)
        text = _unquoted(token.text)
        if kind == "package" and self._takes("=="):
            text = f"{text}=={_unquoted(self._next('a version').text)}"
        if expects == "moment":
            return self._moment(token, text)
        if expects == "number" or (expects == "any" and token.kind == "number"):
            try:
                return float(text)
            except ValueError:
                self._wrong(f"{kind if kind != 'run' else name} is compared with a number", token.at)
        if "\0" in text:
            self._wrong("holds a NUL character", token.at)
        return text

    def _moment(self, token: _Token, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            pass
        else:
            if math.isfinite(number):
                return number
        try:
            found = datetime.datetime.fromisoformat(text)
        except ValueError:
            self._wrong("is no time: '2026-11-27', '2026-11-27T10:00' or Unix seconds", token.at)
        return found.timestamp()

    def _next(self, what: str) -> _Token:
        if self.at >= len(self.tokens):
            self._wrong(f"{what} is missing at the end", len(self.text))
        self.at += 1
        return self.tokens[self.at - 1]

    def _peek(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def _takes(self, word: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at].kind != "text" and self._peek().lower() == word
        self.at += found
        return found

    def _wrong(self, why: str, at: int | None = None) -> NoReturn:
        place = at if at is not None else self.tokens[self.at].at if self.at < len(self.tokens) else len(self.text)
        shown = self.text[place:place + 40].split("\n")[0]
        where = f"at {shown!r} (character {place + 1})" if shown else "at its end"
        raise InputError(f"the filter cannot be read {where}: {why}", EXAMPLE)


def _unquoted(text: str) -> str:
    if text[:1] == "'" == text[-1:] and len(text) > 1:
        return re.sub(r"\\(.)|''", lambda match: match[1] or "'", text[1:-1])
    if text[:1] == '"' == text[-1:] and len(text) > 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _bare(name: str) -> str:
    """A name without the quotes that it may need."""
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "`\"" else name
