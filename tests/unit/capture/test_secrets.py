"""Secrets leave no trace in a record, and ordinary text is left alone."""

# ruff: noqa: E501 (tables, one line each)
from __future__ import annotations

import ast
import base64
import json
import os
import random
import stat
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_jupyter import register_secret
from mlops_jupyter.capture.outputs import Caps, Outputs, Tap
from mlops_jupyter.capture.secrets import CleanOutbox, Redactor, load_key, redactor
from mlops_jupyter.entities import InputError, Observation, Session
from tests.proofs.clean_cells import clean_cells
from tests.proofs.planted_secrets import ASSIGNMENTS, IN_CONTEXT, NAMES, PROVIDERS, password

KNOWN = "hunter2-secret"
HARD = "p'q\"r\\s/t&u=v w"


@pytest.fixture
def redact() -> Redactor:
    return Redactor(b"k" * 32, {
        "MY_API_KEY": KNOWN, "PWD": "/home/me/work", "TOKEN": "abc", "DB_PASSWORD": "s3cr3t!!", "OTHER_SECRET": HARD,
        "DATABASE_URL": "postgresql://app:fr0m-the-url@db/x", "SSL_KEY_FILE": "/etc/key.pem", "PLAIN": "nothing special",
    })


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key = 'AKIAIOSFODNN7EXAMPLE'", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
        ("xoxb-123456789012-abcdef", "xoxb-123456789012-abcdef"),
        ("sk-proj-" + "x" * 40, "sk-proj-" + "x" * 40),
        ("AIza" + "b" * 35, "AIza" + "b" * 35),
        ("postgresql://user:pa55w0rd@host/db", "pa55w0rd"),
        ("password = 'open sesame'", "open sesame"),
        ('{"api_key": "abcdef"}', "abcdef"),
        ("connect(token='t0ken')", "t0ken"),
        ("os.environ['AWS_SECRET_ACCESS_KEY'] = 'wJalrXUtnFEMI'", "wJalrXUtnFEMI"),
        ("print: hunter2-secret!", "hunter2-secret"),
        ("s3cr3t!!", "s3cr3t!!"),
        ("the password of the url is fr0m-the-url.", "fr0m-the-url"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 20, "QUJDQUJD"),
        ("eyJhbGciOiJI.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "SflKxwRJSMeKKF2QT4"),
        ("Authorization: Bearer abcdefghijklmnopqrstu", "abcdefghijklmnopqrstu"),
        ("mlops.register_secret('zebra zebra')", "zebra zebra"),
        ("  user   password\n0  bob  kittens99\n1  eve  puppies77", "puppies77"),
        ("shape: (1, 2)\n┌──────┬──────────┐\n│ user ┆ password │\n╞══════╪══════════╡\n│ bob  ┆ kittens9 │\n└──────┴──────────┘", "kittens9"),
        ("| user | api_key |\n|---|---|\n| bob | kittens99 |", "kittens99"),
    ],
)
def test_secrets_are_redacted(redact: Redactor, text: str, secret: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert "[redacted:" in clean


@pytest.mark.parametrize(
    "text",
    ["x = 1", "/home/me/work/data.csv", "tokenizer = 'bert'", "n_tokens=5", "abc", "https://host/path", "password = getpass()",
     "df['passenger'] = 'x y z'", "sort_keys=True", "pad_token='<pad>'", "eos_token = '</s>'", "max_tokens=1024", "nothing special",
     "password = os.environ['DB_PASSWORD']", "token = tokens[index2]", "f'postgresql://{user}:{password}@{host}/db'", "/etc/key.pem",
     "http://localhost:8888/lab/tree/nb.ipynb", "api_key = 'YOUR_API_KEY'", "token: str | None = None", "password='<password>'",
     "if '-----BEGIN PRIVATE KEY-----' in text:\n    raise ValueError", "sk-learn-contrib-something-longer", "key=lambda pair: pair[0]",
     "commit 0123456789abcdef0123456789abcdef01234567", "secret = derive2(key1)", "d.items(key='length')", "assert token == 'comma1'",
     "        train  test\ntokens   1200   300", "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"],
)
def test_ordinary_text_is_left_alone(redact: Redactor, text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_providers_key_is_found_wherever_it_stands(redact: Redactor, kind: str) -> None:
    rng = random.Random(kind)
    for text in ("{}", "x = '''{}'''", "a {} b", '["{}"]', "k={}\n", "(see {}).", "<b>{}</b>"):
        value = PROVIDERS[kind](rng)
        lines = [line for line in value.splitlines() if "-----" not in line]
        assert not [line for line in lines if line in redact(text.format(value))], text


@pytest.mark.parametrize("kind", IN_CONTEXT)
def test_a_key_is_found_by_what_stands_around_it(redact: Redactor, kind: str) -> None:
    make, contexts = IN_CONTEXT[kind]
    for context in contexts:
        value = make(random.Random(kind + context))
        assert value not in redact(context.format(v=value)), context


def test_most_assignments_are_found(redact: Redactor) -> None:
    rng = random.Random(1)
    asked = [(value := password(rng), redact(text.format(n=name, v=value))) for text in ASSIGNMENTS for name in NAMES]
    assert sum(value in found for value, found in asked) < 0.1 * len(asked)


def test_clean_cells_stay_as_they_are() -> None:
    redact = Redactor(b"k" * 32, {})
    cells = clean_cells(5, 1_000)
    assert sum(redact(cell) != cell for cell in cells) < 0.01 * len(cells)


@pytest.mark.parametrize("value", [KNOWN, HARD])
@pytest.mark.parametrize("spell", [
    str, json.dumps, repr, lambda value: json.dumps({"a": json.dumps(value)}), lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.b64encode(f"user:{value}".encode()).decode(), lambda value: base64.b64encode(f"us:{value}x".encode()).decode(),
    lambda value: value.encode().hex(), lambda value: "\n".join(textwrap.wrap(value, 9, break_on_hyphens=False)),
    lambda value: f"x = ({value[:6]!r}\n     {value[6:]!r})", lambda value: f"\x1b[31m{value[:5]}\x1b[0m{value[5:]}",
])
def test_a_known_value_is_found_in_every_spelling(redact: Redactor, value: str, spell: Callable[[str], str]) -> None:
    text = spell(value)
    found = redact(f"see {text} there")
    assert "[redacted:" in found
    assert text.strip("'\"") not in found
    assert value[:6] not in found or len(value[:6].strip()) < 6


def test_what_is_left_of_a_cell_parses_and_no_line_moves(redact: Redactor) -> None:
    key = PROVIDERS["pem"](random.Random(1))
    half = PROVIDERS["github"](random.Random(1))
    source = (f"first = 1\nkey = '''{key}'''\nlast = {KNOWN!r}\nboth = ({half[:14]!r}\n        {half[14:]!r})\n"
              "api_key = ('abc1234'  \\\n  'def5678')\nend = 2")
    clean = redact(source)
    assert source.count("\n") == clean.count("\n")
    lines = {node.targets[0].id: node.lineno for node in ast.parse(clean).body}  # type: ignore[attr-defined]
    assert lines == {node.targets[0].id: node.lineno for node in ast.parse(source).body}  # type: ignore[attr-defined]
    for secret in (half[:14], half[14:], "abc1234", "def5678", KNOWN):
        assert secret not in clean


def test_redaction_is_stable_and_done_once(redact: Redactor) -> None:
    clean = redact("password = 'open sesame'")
    assert redact(clean) == clean == Redactor(b"k" * 32, {})("password = 'open sesame'")
    assert clean != Redactor(b"j" * 32, {})("password = 'open sesame'")


def test_a_secret_that_appears_in_the_environment_later_is_found_and_stays_known() -> None:
    environ = {"A": "b"}
    redact = Redactor(b"k", environ)
    assert redact("tttttttt") == "tttttttt"
    environ["NEW_TOKEN"] = "tttttttt"
    redact.refresh()
    assert "tttttttt" not in redact("tttttttt")
    del environ["NEW_TOKEN"]
    redact.refresh()
    assert "tttttttt" not in redact("tttttttt")


def test_the_environment_is_read_again_when_a_value_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "first-value")
    redact = Redactor(b"k")
    monkeypatch.setenv("SOME_TOKEN", "second-value")
    redact.refresh()
    assert "value" not in redact("first-value second-value")
    assert os.environ["SOME_TOKEN"] == "second-value"


def test_values_of_secret_names_are_secret(redact: Redactor) -> None:
    assert redact.is_secret("api_key", "anything")
    assert redact.is_secret("x", "hunter2-secret")
    assert not redact.is_secret("x", "plain text")
    assert not redact.is_secret("api_key", 12345678)


def test_the_user_can_register_a_secret(redact: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redactor, "_registered", {})
    assert redact("only I know it") == "only I know it"
    register_secret("only I know")
    assert redact("only I know it").startswith("[redacted:registered:")
    with pytest.raises(InputError, match="at least 6"):
        register_secret("short")


def test_the_key_is_private_and_kept(tmp_path: Path) -> None:
    key = load_key(tmp_path / "state")
    assert load_key(tmp_path / "state") == key
    assert len(key) == 32
    assert stat.S_IMODE((tmp_path / "state" / "redaction.key").stat().st_mode) == 0o600


def test_no_field_of_a_record_passes_the_outbox_unseen(redact: Redactor, tmp_path: Path) -> None:
    outbox = CleanOutbox(tmp_path / "outbox", redact, print)
    outbox.record(Session("s", outbox.writer, "notebook", f"e-{KNOWN}", "x", 1.0, tags={"api_key": "kittens99", "plain": "kept"},
                          notes=[f"note {KNOWN}"], cwd=f"/home/{KNOWN}"))
    outbox.record(Observation("s", 1, 1, 1.0, "param", "db_password", value="kittens98", params={"token": "kitt3ns97", "C": 2},
                              details={"what": KNOWN}))
    outbox.close()
    written = (tmp_path / "outbox" / f"{outbox.writer}.jsonl").read_text()
    for secret in (KNOWN, "kittens99", "kittens98", "kitt3ns97"):
        assert secret not in written
    assert '"plain":"kept"' in written
    assert '"kind":"notebook"' in written


def noted(redact: Redactor, parts: list[str], characters: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is kept of these writes to stdout."""
    stream = SimpleNamespace(write=len)
    monkeypatch.setattr("sys.stdout", stream)
    shell = SimpleNamespace(display_pub=SimpleNamespace(), displayhook=SimpleNamespace())
    outputs = Outputs(Tap(shell), "all", Caps(characters, 1000, 10), lambda data: "", redact)
    outputs.begin()
    for part in parts:
        stream.write(part)
    return outputs.end()[0][0].text


def test_a_secret_that_arrives_in_pieces_or_lies_across_the_cut_is_found(redact: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert noted(redact, ["a ", *KNOWN, " b"], 1000, monkeypatch) == redact(f"a {KNOWN} b")
    for before in range(80, 101):
        text = noted(redact, ["." * before + KNOWN + "." * 300], 100, monkeypatch)
        assert "hunt" not in text
        assert len(text) == 100


def test_long_text_is_one_fast_pass(redact: Redactor) -> None:
    for line in ("word = compute(alpha, beta) # comment\n", "token=key&password=secret&", "a" * 37, "password password\n", "'\"\\", ":/ @ ", "password",
                 "  token\n", "AccountKey=", "-----BEGIN PRIVATE KEY-----\n", "sk-", "password='", "\\n"):
        text = line * 4_000
        clock = time.process_time()
        redact(text)
        assert time.process_time() - clock < 5  # quadratic matching takes minutes


@pytest.mark.parametrize("code", [
    "try:\n    f()\nexcept ValueError:\n    pass\nfinally:\n    i = len(l)",
    "if a:\n    pass\nelif b:\n    c()",
    "class A:\n    pass\nprint(A)",
    "for x in y:\n    pass\nelse:\n    z = 1",
])
def test_a_statement_that_is_the_word_of_a_secret_is_no_column(code: str) -> None:
    assert Redactor(b"k" * 32, {})(code) == code
