"""Where all chance in training comes from: a seed, and the place in training that asks."""

from __future__ import annotations

import hashlib
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.utils.deterministic

if TYPE_CHECKING:
    from collections.abc import Iterator


def derived_seed(seed: int, *place: int | str) -> int:
    """A seed below 2^63 that belongs to one place in training and to no other.

    Args:
        seed: Of the whole training.
        place: For instance the name of the fit, the epoch, the step and the process.
    """
    text = "\n".join(map(str, (seed, *place)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def seed_step(seed: int, *place: int | str) -> torch.Generator:
    """Seed every global generator for a step, and return the step's own one, on the CPU.

    Dropout and what torchvision and others augment with draw from the global generators.
    """
    value = derived_seed(seed, *place)
    torch.default_generator.manual_seed(value)
    # torch.manual_seed would take a millisecond where there is no GPU
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.cuda.manual_seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - the global generator is meant
    random.seed(value)
    return torch.Generator().manual_seed(derived_seed(value, "own"))


def compute_alike() -> None:
    """Compute the same twice from here on; what PyTorch cannot compute so raises an error."""
    torch.use_deterministic_algorithms(mode=True)
    # PyTorch would also fill all memory that it takes, for those who read what nobody has written.
    # We do not, and small networks spend a quarter of their training on it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property


@contextmanager
def global_chance_kept(device: torch.device) -> Iterator[None]:
    """Leave the global generators as they were found.

    What is drawn after a fit is then the same whether it was computed or read from its checkpoint.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - as above
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002 - as above
            random.setstate(python_state)
