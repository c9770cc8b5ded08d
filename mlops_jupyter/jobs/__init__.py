"""From notebook to job: convert, bundle, run, verify."""
