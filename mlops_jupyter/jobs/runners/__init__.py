"""One file per place where a job can run."""
