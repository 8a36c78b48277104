"""Thresholds and gate limits, and what calibration films show about them."""
