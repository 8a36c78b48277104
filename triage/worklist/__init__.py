"""The reading order and the views of it."""
