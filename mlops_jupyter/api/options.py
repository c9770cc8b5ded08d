"""Options in words: `k=v`, split at the first `=` and never evaluated; sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_jupyter.entities import InputError

_UNITS = {"": 1, "B": 1, "K": 10**3, "KB": 10**3, "M": 10**6, "MB": 10**6, "G": 10**9, "GB": 10**9, "T": 10**12, "TB": 10**12,
          "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def size(text: str, option: str) -> int:
    """`500MB`, `2 GB`, `1GiB` in bytes; "" is 0. InputError for anything else."""
    if not text:
        return 0
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].upper() not in _UNITS:
        raise InputError(f"{option} {text!r} is no size", f"write it as {option} 500MB or {option} 2GB")
    return round(float(match[1]) * _UNITS[match[2].upper()])


_TIMES = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds(text: str, option: str) -> float:
    """`90`, `90s`, `10m`, `1.5h` in seconds. InputError for anything else, and for nothing."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if match is None or match[2] not in _TIMES or not float(match[1]):
        raise InputError(f"{option} {text!r} is no time", f"write it as {option} 90s, {option} 10m or {option} 1.5h")
    return float(match[1]) * _TIMES[match[2]]


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
