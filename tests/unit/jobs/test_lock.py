"""The lock holds the imported closure, with recorded versions, and names what a version would not bring back."""

from __future__ import annotations

import tomllib

from mlops_jupyter.entities import Distribution, Environment, Session
from mlops_jupyter.jobs.lock import Installed, closure, pylock_toml, requirements_txt, warnings

KNOWN = Installed(
    provides={"pandas": ["pandas"], "sklearn": ["scikit-learn"], "yaml": ["PyYAML"]},
    needs={"pandas": ["numpy>=1", "pyarrow; extra == 'parquet'", "tzdata; sys_platform == 'nowhere'"], "numpy": [],
           "seaborn": ["pandas"], "papermill": ["nbclient", "pandas[parquet]; extra == 'x'"],
           "ipykernel": ["not a requirement ???"]},
)


def environment(*distributions: Distribution) -> Environment:
    return Environment("e", "3.11.7", "CPython", "Linux", "x86_64", distributions)


def test_only_what_is_imported_and_required_and_the_runtime(session: Session) -> None:
    assert session.environment is not None
    assert closure(session.environment, ["pandas", "os", "mlops_jupyter"], KNOWN) == ["ipykernel", "numpy", "pandas", "papermill"]


def test_requirements_pin_what_was_recorded() -> None:
    recorded = environment(
        Distribution("pandas", "3.1.1"), Distribution("seaborn", "0.13"), Distribution("ours", "1", "editable", "file:///src/ours"),
        Distribution("forked", "2", "vcs", "git+https://example.org/a/forked@abc123"), Distribution("gdal", "3.9", "conda"),
    )
    text = requirements_txt(recorded, ["Pandas", "ours", "forked", "gdal"])
    lines = text.splitlines()
    assert "pandas==3.1.1" in lines
    assert "forked @ git+https://example.org/a/forked@abc123" in lines
    assert "gdal==3.9" in lines
    assert "seaborn" not in text
    assert all(line.startswith("#") for line in lines if "ours==1" in line)
    said = warnings(recorded, ["ours", "forked", "gdal"])
    assert [line.split()[0] for line in said] == ["forked", "gdal", "ours"]
    assert "pip wheel" in said[2]
    assert "conda install gdal=3.9" in said[1]


def test_the_whole_environment_when_no_names_are_given() -> None:
    recorded = environment(Distribution("b", "2"), Distribution("A_c", "1"))
    assert requirements_txt(recorded).splitlines()[1:] == ["A_c==1", "b==2"]


def test_pylock_is_toml_of_version_1() -> None:
    recorded = environment(Distribution("A_c", "1"), Distribution("f", "2", "vcs", "git+https://example.org/a/f@abc"))
    lock = tomllib.loads(pylock_toml(recorded))
    assert (lock["lock-version"], lock["created-by"], lock["requires-python"]) == ("1.0", "mlops_jupyter", ">=3.11")
    assert [(package["name"], package["version"]) for package in lock["packages"]] == [("a-c", "1"), ("f", "2")]
    assert lock["packages"][1]["vcs"] == {"type": "git", "url": "https://example.org/a/f", "commit-id": "abc"}
