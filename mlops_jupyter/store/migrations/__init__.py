"""How a store of an older version becomes one of this version: one file in `versions/` for each step."""
