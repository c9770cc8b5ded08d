"""`k=v` options: split at the first `=`, never evaluated."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_jupyter.entities import InputError


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`["a=1", "b=x=y"]` as a dictionary. InputError names the one without `=` or said twice."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise InputError(f"{option} {text!r} is not of the form name=value", f"write it as {option} name=value")
        if name.strip() in found:
            raise InputError(f"{option} {name.strip()!r} is given twice", "give it once")
        found[name.strip()] = value
    return found
