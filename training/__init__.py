"""Training, certification and export of the models that `triage` runs."""
