"""A secret is given by where it is, is looked up late, and no error of ours repeats it."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest

from mlops_jupyter.entities import InputError, JobParameter, MlopsError
from mlops_jupyter.jobs.cleaning import MARK, Cleaner
from mlops_jupyter.jobs.parameters import validate
from mlops_jupyter.jobs.secrets import secret_values
from tests.fakes import MemoryKeyring

KEY = JobParameter("api_key", "secret", "env:API_KEY", {"type": "string", "writeOnly": True})


def test_each_kind_of_reference_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "of the default")
    monkeypatch.setenv("OTHER", "of another")
    (tmp_path / "key").write_text("of a file\n")
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring({("service", "ann"): "of a ring"}))
    try:
        found = [secret_values([KEY], given) for given in (
            {}, {"api_key": "env:OTHER"}, {"api_key": f"file:{tmp_path}/key"}, {"api_key": "keyring:service/ann"})]
    finally:
        keyring.set_keyring(before)
    assert [one["API_KEY"] for one in found] == ["of the default", "of another", "of a file", "of a ring"]


@pytest.mark.parametrize("given", [
    "hunter2-the-value", "https://user:hunter2-the-value@host", 7, "env:", "env:a b", "keyring:hunter2", ["hunter2-the-value"],
    "vault:hunter2-the-value",
])
def test_a_value_in_place_of_a_reference_is_refused_and_not_repeated(given: object) -> None:
    with pytest.raises(InputError) as caught:
        validate([KEY], {"api_key": given})
    assert "hunter2" not in str(caught.value)
    assert "env:" in caught.value.remedy or "keyring:" in caught.value.remedy


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:no/such/file", "keyring:service/nobody"])
def test_a_secret_that_is_not_there_is_said_before_anything_starts(reference: str) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring({}))
    try:
        with pytest.raises(MlopsError, match="api_key"):
            secret_values([KEY], {"api_key": reference})
    finally:
        keyring.set_keyring(before)


def test_known_values_are_taken_out_of_texts_and_of_what_holds_them() -> None:
    clean = Cleaner(["hunter2-the-value"])
    assert clean.text("a hunter2-the-value b") == f"a {MARK} b"
    content = {"data": {"text/plain": "'hunter2-the-value'"}, "traceback": ["x", "hunter2-the-value"], "n": 1}
    assert clean.inside(content) is content
    assert "hunter2" not in repr(content)
