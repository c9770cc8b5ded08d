"""Attributes and calls that by their name alone say what a cell does beyond the names in it."""

from __future__ import annotations

OPAQUE_ATTRIBUTES = frozenset({"f_globals", "f_locals", "user_ns", "user_global_ns"})
OPAQUE_CALLS = frozenset({"exec", "eval", "globals", "locals", "vars", "__import__", "execfile"})
SEED_CALLS = frozenset({"seed", "setstate", "set_state", "manual_seed", "manual_seed_all", "set_seed", "seed_everything",
                        "getstate", "get_state"})
"""Calls that set a generator's state, or show it: either is a use; `lineage/seeding.py` knows more."""
TEXT_CALLS = frozenset({"query", "eval", "sql", "execute", "sqldf", "assign_sql"})
"""Calls whose text argument can name variables: pandas' `query("x > @k")`, DuckDB's `sql("select * from df")`."""
SETTING_CALLS = frozenset({
    "set_option", "reset_option", "set_config", "seterr", "set_printoptions", "filterwarnings", "simplefilter", "set_theme",
    "set_style", "use", "set_palette", "set_context", "setlocale", "set_default_dtype", "basicConfig",
    "set_float_precision", "putenv", "chdir", "setattr", "reload",
})
"""Calls that change a module's own state: the module counts as changed."""
