"""The magic: light to load, one message for each mistake, options that IPython's own expansion cannot break."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter.entities import InputError
from mlops_jupyter.magics import unregister
from mlops_jupyter.magics.dispatch import split


def test_loading_the_extension_loads_no_parser_and_no_library() -> None:
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()\n"
        "before = set(sys.modules); shell.run_line_magic('load_ext', 'mlops_jupyter')\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "heavy = {'click', 'msgspec', 'pandas', 'numpy', 'sklearn', 'papermill', 'sqlalchemy', 'rich', 'nbformat'}\n"
        "print(sorted(new & heavy), sorted(n for n in sys.modules if n.startswith('mlops_jupyter')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ["mlops_jupyter", "mlops_jupyter.magics", "mlops_jupyter.magics.shown", "mlops_jupyter.version"]
    assert done.stdout.split("\n")[0] == f"[] {ours}"


def test_help_says_the_commands_and_is_no_error(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("mlops", "--help")
    out, err = capsys.readouterr()
    for command in ("track", "off", "status", "goal", "runs", "diff", "why", "stale", "rerun", "verify", "convert", "run",
                    "submit", "start-run", "end-run", "forget", "skip"):
        assert f"  {command} " in out, command
    assert err == ""


def test_help_of_one_command(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("mlops", "why --help")
    assert "%mlops why [OPTIONS] NAME" in capsys.readouterr().out


@pytest.mark.parametrize(("line", "said"), [
    ("wyh auc", "%mlops --help"),
    ("why", "%mlops why --help"),
    ("goal 'unclosed", "close the quote"),
    ("track --outputs some", "%mlops track --help"),
    ("track --tag nothing", "--tag name=value"),
    ("status", "%mlops track"),
    ("skip", "%%mlops skip"),
    ("convert -o job", "%mlops track"),
])
def test_a_mistake_is_one_message_with_a_remedy_and_never_raises(shell: InteractiveShell, capsys: pytest.CaptureFixture[str],
                                                                 line: str, said: str) -> None:
    shell.run_line_magic("mlops", line)
    out, err = capsys.readouterr()
    assert err.startswith("%mlops: ")
    assert said in err
    assert "Traceback" not in err + out
    assert len(err.strip().splitlines()) <= 3


def test_strict_makes_the_cell_fail_with_the_message_alone(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("%mlops status --strict")
    assert not result.success
    assert "not tracked" in str(result.error_in_exec)
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.parametrize(("line", "words"), [
    ("run job -p month={month}", ["run", "job", "-p", "month=7"]),
    ("run job -p month=$month", ["run", "job", "-p", "month=7"]),
    ("run job -p 'name={name}'", ["run", "job", "-p", "name=two words"]),
    ('goal "price under $5 {as is}"', ["goal", "price under $5 {as is}"]),
    ("""run job -p 'x={"month": 1}'""", ["run", "job", "-p", 'x={"month": 1}']),
    ("run job -p x={unknown}", ["run", "job", "-p", "x={unknown}"]),
    ("run job -p x={thing}", ["run", "job", "-p", "x={thing}"]),
])
def test_names_are_expanded_in_words_and_nothing_else_is(line: str, words: list[str]) -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError("a user's object was asked for its text")

    assert split(line, {"month": 7, "name": "two words", "thing": Loud()}) == words


def test_an_unclosed_quote_is_bad_input() -> None:
    with pytest.raises(InputError, match="no closing quotation"):
        split("why 'auc", {})


def test_ipython_does_not_format_the_line_first(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["x"] = "--help"
    shell.run_line_magic("mlops", "why '{1/0}' {x}")
    assert "%mlops why [OPTIONS] NAME" in capsys.readouterr().out


def test_a_skipped_cell_runs_and_shows_its_value(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("%%mlops skip\nfirst = 41\nfirst + 1")
    assert result.success
    assert shell.user_ns["first"] == 41
    assert "42" in capsys.readouterr().out


def test_the_error_of_a_skipped_cell_is_the_users_own(shell: InteractiveShell) -> None:
    result = shell.run_cell("%%mlops skip\n1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)


def test_unregistering_takes_the_magic_away(shell: InteractiveShell) -> None:
    unregister(shell)
    assert shell.find_line_magic("mlops") is None
    assert shell.find_cell_magic("mlops") is None
