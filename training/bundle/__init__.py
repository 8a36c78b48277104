"""The model bundle as it is written: files, card, plots."""
