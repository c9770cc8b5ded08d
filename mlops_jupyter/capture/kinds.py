"""Of what type is a user's object, asked without asking it.

`isinstance` reads `value.__class__`, which a class may compute, and looking a type up in a tuple or a set calls its metaclass's
`__eq__` or `__hash__`. Here only the true type counts, by identity and by its true bases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard, TypeVar

T = TypeVar("T")
identity = object.__hash__
"""As `id`, without the audit event that each call of `id` raises."""


def is_a(value: object, kind: type[T]) -> TypeGuard[T]:
    """As `isinstance`, by the true type only. `kind`: a class whose metaclass is `type`."""
    return issubclass(type(value), kind)


def is_any(value: object, kinds: tuple[type, ...]) -> bool:
    """`is_a` one of `kinds`."""
    return issubclass(type(value), kinds)


def exactly(*kinds: type) -> frozenset[int]:
    """The types, as `is_exactly` wants them."""
    return frozenset(identity(kind) for kind in kinds)


def is_exactly(value: object, kinds: frozenset[int]) -> bool:
    """True if the type of `value` is one of `kinds`, no subclass."""
    return identity(type(value)) in kinds


def without(values: Iterable[object], kinds: frozenset[int]) -> list[object]:
    """The values that are of none of these types."""
    return [value for value in values if identity(type(value)) not in kinds]
