"""The ledger on disk: the only floor that speaks SQL."""
