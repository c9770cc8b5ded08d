"""The stand-in for jsonschema's IRI grammar: nothing is read before it is asked, and the answers are those of the real one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("rfc3987_syntax", reason="jsonschema checks IRIs only with it: pip install rfc3987-syntax")

START = "import sys; from mlops_jupyter.cli.grammar import put_off; put_off(); put_off()\n"
CHECK = """
import jsonschema
for kind, word in {words!r}:
    schema = jsonschema.Draft202012Validator({{"format": kind}}, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    print(kind, word, schema.is_valid(word))
"""
WORDS = [(kind, word) for kind in ("iri", "iri-reference") for word in ("https://example.org/ä?b#c", "not an iri", "//ä/b", "")]


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_nbformat_and_papermill_reads_no_grammar() -> None:
    assert said(START + "import nbformat, papermill, inspect\ninspect.getmodule(inspect.currentframe())\n"
                        "print([name for name in sys.modules if name.startswith('rfc3987_syntax.') or name == 'lark'])") == "[]\n"


def test_iris_are_judged_as_without_the_stand_in() -> None:
    check = CHECK.format(words=WORDS)
    told = said(START + check)
    assert told == said(check)
    assert {line.rsplit(" ", 1)[1] for line in told.splitlines()} == {"True", "False"}


@pytest.mark.parametrize("use", [
    "import rfc3987_syntax; print(rfc3987_syntax.parse('iri', 'a:b').data)",
    "import rfc3987_syntax.utils; print(rfc3987_syntax.utils.load_grammar.__name__)",
    "from rfc3987_syntax.syntax_helpers import is_valid_syntax; print(is_valid_syntax('iri', 'a:b'))",
])
def test_every_other_way_to_it_leads_to_the_real_one(use: str) -> None:
    assert said(START + use) == said(use)
