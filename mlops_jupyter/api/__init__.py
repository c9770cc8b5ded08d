"""Composition root and public Python API: one file per group of verbs."""
