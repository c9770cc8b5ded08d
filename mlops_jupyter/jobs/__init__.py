"""From a result to a job that runs elsewhere: slice → bundle → the same papermill command everywhere → a judged outcome."""
