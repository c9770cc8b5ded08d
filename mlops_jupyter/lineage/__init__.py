"""What follows from the ledger: slice, staleness, runs. Pure functions."""
