"""The processes that train together under `torchrun`; alone, there is one."""

from __future__ import annotations

import atexit
import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, distributed

from training.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import nn

_EVALUATION_LIMIT: Final = dt.timedelta(hours=2)  # the others wait for process 0 to evaluate


def leads() -> bool:
    """Whether this process is the one that evaluates, reports and writes."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes that take the same steps, each with its part of the films.

    Attributes:
        rank: The number of this one, from 0.
        count: How many there are.
        device: What this one computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this one evaluates, reports and writes."""
        return self.rank == 0

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the values that process 0 has."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def total(self, value: float) -> float:
        """The sum over all processes."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        return float(tensor)

    def agreed(self, value: float) -> float:
        """The value that process 0 has."""
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        self.share([tensor])
        return float(tensor)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes; where none has one, none has.

        A wrapper such as PyTorch's own would see only calls of ``forward``; a task calls what it
        likes of its network.
        """
        if self.count == 1:
            return
        present = torch.tensor([one.grad is not None for one in parameters], device=self.device)
        flat = torch.cat(
            [
                (torch.zeros_like(one) if one.grad is None else one.grad).ravel()
                for one in parameters
            ]
        )
        flat = torch.cat([flat, present.to(flat.dtype)])
        distributed.all_reduce(flat)
        parts = torch.split(flat[: -len(parameters)], [one.numel() for one in parameters])
        anywhere = flat[-len(parameters) :].tolist()
        for one, part, somewhere in zip(parameters, parts, anywhere, strict=True):
            one.grad = part.view_as(one) if somewhere else None


def join(device: str) -> Processes:
    """Meet the processes that `torchrun` started, by the variables that it sets.

    Args:
        device: As `LoopSettings.device`.

    Raises:
        RunError: The device is not there.
    """
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = _device(device, local)
    if count == 1:
        return Processes(0, 1, chosen)
    if not distributed.is_initialized():
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_EVALUATION_LIMIT)
        atexit.register(distributed.destroy_process_group)
    return Processes(distributed.get_rank(), count, chosen)


def _device(name: str, local_rank: int) -> torch.device:
    if name in {"auto", "cuda"} and torch.cuda.is_available():
        # cuBLAS asks for this to compute the same thing twice; it reads it when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if local_rank >= torch.cuda.device_count():
            raise RunError(
                f"process {local_rank} finds {torch.cuda.device_count()} GPUs: "
                "start one process a GPU."
            )
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
        return device
    try:
        device = torch.device("cpu" if name == "auto" else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # builds without CUDA assert
        reason = str(error).splitlines()[0]
        raise RunError(f"device {name!r} cannot be used ({reason}): take 'auto'.") from error
    return device
