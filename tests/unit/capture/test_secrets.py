"""Secrets leave no trace in a record, and ordinary text is left alone."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from mlops_jupyter.capture.secrets import Redactor, load_key


@pytest.fixture
def redact() -> Redactor:
    return Redactor(b"k" * 32, {
        "MY_API_KEY": "hunter2-secret", "PWD": "/home/me/work", "TOKEN": "abc", "DB_PASSWORD": "s3cr3t!!",
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
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("eyJhbGciOiJI.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "SflKxwRJSMeKKF2QT4"),
        ("Authorization: Bearer abcdefghijklmnopqrstu", "abcdefghijklmnopqrstu"),
    ],
)
def test_secrets_are_redacted(redact: Redactor, text: str, secret: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert "[redacted:" in clean


@pytest.mark.parametrize(
    "text",
    ["x = 1", "/home/me/work/data.csv", "tokenizer = 'bert'", "n_tokens=5", "abc", "https://host/path", "password = getpass()",
     "df['passenger'] = 'x y z'", "sort_keys=True"],
)
def test_ordinary_text_is_left_alone(redact: Redactor, text: str) -> None:
    assert redact(text) == text


def test_redaction_is_stable_and_done_once(redact: Redactor) -> None:
    clean = redact("password = 'open sesame'")
    assert redact(clean) == clean == Redactor(b"k" * 32, {})("password = 'open sesame'")
    assert clean != Redactor(b"j" * 32, {})("password = 'open sesame'")


def test_a_secret_that_appears_in_the_environment_later_is_found() -> None:
    environ = {"A": "b"}
    redact = Redactor(b"k", environ)
    environ["NEW_TOKEN"] = "tttttttt"
    redact.refresh()
    assert "tttttttt" not in redact("tttttttt")


def test_values_of_secret_names_are_secret(redact: Redactor) -> None:
    assert redact.is_secret("api_key", "anything")
    assert redact.is_secret("x", "hunter2-secret")
    assert not redact.is_secret("x", "plain text")
    assert not redact.is_secret("api_key", 12345678)


def test_the_key_is_private_and_kept(tmp_path: Path) -> None:
    key = load_key(tmp_path / "state")
    assert load_key(tmp_path / "state") == key
    assert len(key) == 32
    assert stat.S_IMODE((tmp_path / "state" / "redaction.key").stat().st_mode) == 0o600


def test_long_text_is_one_fast_pass(redact: Redactor) -> None:
    text = "word = compute(alpha, beta) # comment\n" * 20_000
    clock = time.process_time()
    assert redact(text) == text
    assert time.process_time() - clock < 5  # quadratic matching would take minutes
