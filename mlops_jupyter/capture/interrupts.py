"""An interrupt that hit our own work before a cell, handed on to the cell: exactly once, and not by the clock.

IPython swallows what a callback raises, so the interrupt must be raised by the cell itself. A tree transformer, there for this
one cell, puts `raise KeyboardInterrupt` before its first statement, at that statement's place: the traceback is that of an
interrupt which came as the cell began.
"""

from __future__ import annotations

import ast


class Interrupt(ast.NodeTransformer):
    """Takes itself out of `transformers` when it is used; `withdraw` does so for a cell that never compiled."""

    def __init__(self, transformers: list[object]) -> None:
        self._transformers = transformers
        transformers.append(self)

    def visit(self, node: ast.AST) -> ast.AST:
        """The cell's tree, which now begins with the interrupt."""
        self.withdraw()
        if isinstance(node, ast.Module):
            raising = ast.Raise(ast.Name("KeyboardInterrupt", ast.Load()), None)
            if node.body:
                ast.copy_location(raising, node.body[0])
            else:
                raising.lineno, raising.col_offset, raising.end_lineno, raising.end_col_offset = 1, 0, 1, 0
            node.body.insert(0, ast.fix_missing_locations(raising))
        return node

    def withdraw(self) -> None:
        """No longer in the way of any cell."""
        self._transformers[:] = [one for one in self._transformers if one is not self]
