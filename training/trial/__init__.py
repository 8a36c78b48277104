"""A bundle tried on films that nothing was trained on, as they come and under every shift."""
