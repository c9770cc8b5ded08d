"""Literals that a cell assigns to a name: they are params of the runs whose slice they are in."""

from __future__ import annotations

import ast

from mlops_jupyter.entities import Scalar, Value


def literals(statements: list[ast.stmt]) -> dict[str, Value]:
    """Name → value of each assignment of a number, text or flat list of them at the top level of a cell; the last one counts."""
    found: dict[str, Value] = {}
    for node in statements:
        match node:
            case (ast.Assign(targets=[ast.Name(id=name)], value=value)
                  | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)):
                literal = _literal(value)
                if literal is not None:
                    found[name] = literal
    return found


def _literal(node: ast.expr) -> Value:
    if not isinstance(node, ast.List):
        return _scalar(node)
    values = [_scalar(item) for item in node.elts]
    return values if values and None not in values else None


def _scalar(node: ast.expr) -> Scalar:
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None
