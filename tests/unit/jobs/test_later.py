"""Stand-ins for modules that a command does without: loaded when they are asked, with the answers of the real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

for needed in ("rfc3987_syntax", "boto3", "pyarrow"):
    pytest.importorskip(needed, reason=f"what a stand-in stands for: pip install {needed.replace('_', '-')}")

START = "import sys; from mlops_jupyter.jobs.later import IRIS, put_off; put_off(*IRIS); put_off(*IRIS)\n"
PAPERMILL = """
import sys
from mlops_jupyter.jobs.later import without_clouds
with without_clouds():
    import papermill.execute
from papermill import iorw
"""
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


def test_papermill_comes_without_clouds_and_leaves_no_stand_in() -> None:
    assert said(PAPERMILL + "print([name for name in sys.modules if name.partition('.')[0] in {'boto3', 'pyarrow'}])") == "[]\n"


@pytest.mark.parametrize("use", [
    "import pyarrow, pyarrow.fs; print(pyarrow.fs.FileSelector('x'))",
    "import boto3.session; print(boto3.session.Session, boto3.Session)",
    "import pyarrow.parquet; print(pyarrow.fs.LocalFileSystem)",
])
def test_who_imports_them_later_gets_the_real_ones(use: str) -> None:
    assert said(PAPERMILL + use).split(" object")[0] == said(use).split(" object")[0]


def test_what_papermill_calls_is_the_real_one() -> None:
    told = said(PAPERMILL + "import os; os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'\n"
                            "print(type(iorw.FileSelector('x')), type(iorw.S3().session))")
    assert told == "<class 'pyarrow._fs.FileSelector'> <class 'boto3.session.Session'>\n"


def test_a_module_that_is_there_or_is_not_installed_keeps_its_place() -> None:
    told = said("import sys, json\nfrom mlops_jupyter.jobs.later import put_off\n"
                "print(put_off('json', ('loads',)), json is sys.modules['json'], put_off('no_such_module_here', ()))")
    assert told == "None True None\n"
