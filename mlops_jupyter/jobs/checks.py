"""Are the inputs of a run what the job was made for? Each is looked at where it was placed, before the kernel starts.

The same bytes are `same`. Else the table's columns are compared with the recorded ones: as they were, it is `new rows`, which is
why a job is run again and needs no word; otherwise `schema changed`, with the columns. What is no such table any more is
`broken`. What is done about the last two is the input's policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlops_jupyter.entities import CellExecution, InputCheck, JobFailedError, JobInput
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.fingerprint.tables import TableFile, changes, table_file

_BAD = frozenset({"schema changed", "broken"})


def check_input(entry: JobInput, file: Path) -> InputCheck:
    """One input, as it lies in `file`."""
    if not file.is_file():
        return InputCheck(entry.name, "broken", f"there is no file {file}")
    if fingerprint_file(file).same_as(entry.fingerprint):
        return InputCheck(entry.name, "same")
    if not file.stat().st_size and entry.fingerprint.nbytes != 0:
        return InputCheck(entry.name, "broken", "the file is empty")
    found = table_file(file) if entry.schema is not None else None
    return InputCheck(entry.name, "new rows", "other content") if found is None else _check_table(entry, found)


def _check_table(entry: JobInput, found: TableFile) -> InputCheck:
    if found.error or found.schema is None or entry.schema is None:
        return InputCheck(entry.name, "broken", found.error or "it is no table")
    differ = changes(entry.schema, found.schema)
    if differ:
        return InputCheck(entry.name, "schema changed", ", ".join(differ))
    rows = f"{found.rows:,} rows" if found.rows is not None else ""
    return InputCheck(entry.name, "new rows", f"{rows}, {entry.rows:,} when the job was made" if entry.rows is not None else rows)


def check_inputs(inputs: Sequence[JobInput], places: Mapping[str, Path],
                 say: Callable[[str], None] | None = None) -> list[InputCheck]:
    """Each input that lies in a place; what its policy asks for is said. Raises JobFailedError where it forbids the run."""
    found = [check_input(entry, places[entry.name]) for entry in inputs if entry.name in places]
    policies = {entry.name: entry.policy for entry in inputs}
    bad = [one for one in found if one.state in _BAD]
    refused = [one for one in bad if policies[one.name] == "fail"]
    if refused:
        raise JobFailedError(f"the job did not start: {'; '.join(map(in_words, refused))}",
                             f"give another file: -i {refused[0].name}=PATH")
    for one in bad:
        if say is not None and policies[one.name] == "warn":
            say(in_words(one))
    return found


def in_words(check: InputCheck) -> str:
    """`input flights: schema changed (without tail)`."""
    return f"input {check.name}: {check.state}{f' ({check.detail})' if check.detail else ''}"


def check_queries(inputs: Sequence[JobInput], executions: Sequence[CellExecution]) -> list[InputCheck]:
    """What the job's statements gave this time, told by what was recorded of them; nothing of those that were not asked."""
    answers = {query.text: query for cell in executions for query in cell.queries if query.kind == "sql"}
    found = []
    for entry in inputs:
        answer = answers.get(entry.path) if entry.kind == "query" else None
        if answer is None:
            continue
        same = answer.fingerprint.same_as(entry.fingerprint)
        detail = "" if same or answer.rows is None else f"{answer.rows:,} rows" + (
            f", {entry.rows:,} when the job was made" if entry.rows is not None else "")
        found.append(InputCheck(entry.name, "same" if same else "new rows", detail))
    return found
