"""How a Python function of ours can stand between the user's call and the original without being seen in a traceback.

A frame enters the traceback when an exception passes it, and a bare `raise` does not enter it again. So the wrapper takes its
own entries off and re-raises:

    try:
        return original(*args)
    except BaseException as error:
        leave(error)
        raise

Warnings count frames (`stacklevel=2`: "my caller"). They skip those of files that look like the import system's: a wrapper whose
code says that it comes from `UNSEEN` is not counted.
"""

from __future__ import annotations

from types import CodeType

UNSEEN = "<mlops_jupyter, unseen as importlib._bootstrap is>"


def leave(error: BaseException, *others: CodeType) -> None:
    """Called in the wrapper's `except`: its own entry goes, and those of `others` that it called the original through."""
    entry = error.__traceback__
    if entry is not None:
        entry = entry.tb_next
    while entry is not None and any(entry.tb_frame.f_code is code for code in others):
        entry = entry.tb_next
    error.__traceback__ = entry
