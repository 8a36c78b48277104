"""One page about a model: what it found, what it missed, and what follows for the queue."""
