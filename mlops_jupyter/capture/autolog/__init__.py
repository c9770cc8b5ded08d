"""One file per library whose models and metrics are seen without a call of the user."""
