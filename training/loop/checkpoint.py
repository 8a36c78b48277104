"""Checkpoints: all that a fit needs to go on, and the weights that it ends with.

While a fit goes on its checkpoint is ``<name>.progress``: a line with a digest, and behind it what
`torch.save` makes of tensors and plain values, read back with ``weights_only`` so that reading it
runs no code. When it is done ``<name>.safetensors`` takes its place: the weights that were kept,
and in its metadata the history.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from training.errors import RunError
from training.files import write_whole
from training.loop.history import History, history_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Identity = dict[str, str]  # what must be the same for a fit to go on, in words

_BEGIN: Final = b"cspine-triage training progress 1 "
_DIGEST_LENGTH: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """A fit after a whole epoch.

    Attributes:
        history: The epochs so far.
        network: Weights after the last one.
        best: Weights that are kept.
        states: State of the optimiser, the schedule and the loss scaling, by name.
    """

    history: History
    network: dict[str, Tensor]
    best: dict[str, Tensor]
    states: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoint of one fit.

    Attributes:
        folder: The run's ``checkpoints``.
        name: Of the fit.
        identity: What a checkpoint must have been made from to be taken up.
    """

    folder: Path
    name: str
    identity: Identity

    @property
    def progress_path(self) -> Path:
        """Where the checkpoint of an unfinished fit is."""
        return self.folder / f"{self.name}.progress"

    @property
    def weights_path(self) -> Path:
        """Where the weights of a finished fit are."""
        return self.folder / f"{self.name}.safetensors"

    def discard(self) -> None:
        """Remove what an earlier fit of this name left."""
        self.progress_path.unlink(missing_ok=True)
        self.weights_path.unlink(missing_ok=True)

    def write_progress(self, progress: Progress) -> None:
        """Put the checkpoint in the place of the one before.

        Raises:
            DiskError: It could not be written; the one before is still there.
        """
        stream = io.BytesIO()
        content = {
            "identity": self.identity,
            "history": progress.history.lines(),
            "kept": progress.history.kept,
            "network": progress.network,
            "best": progress.best,
            "states": progress.states,
        }
        torch.save(content, stream)
        data = stream.getbuffer()
        digest = hashlib.sha256(data).hexdigest().encode()
        write_whole(self.progress_path, b"".join([_BEGIN, digest, b"\n", data]))

    def write_weights(self, weights: Mapping[str, Tensor], history: History) -> None:
        """Write what the fit ends with, and remove the checkpoint of the way there.

        Raises:
            DiskError: It could not be written; the checkpoint is still there.
        """
        tensors = {key: value.cpu().contiguous().clone() for key, value in weights.items()}
        metadata = {
            "identity": json.dumps(self.identity),
            "history": json.dumps({"lines": history.lines(), "kept": history.kept}),
            "sha256": _digest(tensors),
        }
        write_whole(self.weights_path, save(tensors, metadata))
        self.progress_path.unlink(missing_ok=True)

    def read_progress(self) -> Progress | None:
        """The checkpoint of an unfinished fit, on the CPU; None when there is none.

        Raises:
            RunError: It is damaged, or was made from something else.
        """
        path = self.progress_path
        if not path.exists():
            return None
        try:
            content = _verified(path.read_bytes())
            self._refuse_others(path, content["identity"])
            history = history_of(content["history"], content["kept"])
            return Progress(history, content["network"], content["best"], content["states"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
            raise _damaged(path, error) from error

    def read_weights(self) -> tuple[dict[str, Tensor], History] | None:
        """The weights of a finished fit, on the CPU; None when it is not finished.

        Raises:
            RunError: The file is damaged, or was made from something else.
        """
        path = self.weights_path
        if not path.exists():
            return None
        weights, metadata = _read_safetensors(path)
        try:
            self._refuse_others(path, json.loads(metadata["identity"]))
            told = json.loads(metadata["history"])
            return weights, history_of(told["lines"], told["kept"])
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error

    def _refuse_others(self, path: Path, identity: Identity) -> None:
        differences = [
            f"{key} ({identity.get(key, 'none')} then, {self.identity.get(key, 'none')} now)"
            for key in sorted({*identity, *self.identity})
            if identity.get(key) != self.identity.get(key)
        ]
        if differences:
            raise RunError(
                f"{path} was trained with another {'; '.join(differences)}: resume with what it "
                "was begun with, or train into another folder."
            )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights that a finished fit kept, on the CPU.

    Args:
        path: ``checkpoints/<name>.safetensors`` of a run.

    Raises:
        RunError: The file is missing or damaged.
    """
    return _read_safetensors(path)[0]


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as stream:
            weights = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - it is no dictionary
            metadata = dict(stream.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error
    if metadata.get("sha256") != _digest(weights):
        raise _damaged(path, ValueError("the digest within it is of other weights"))
    return weights, metadata


def _verified(data: bytes) -> dict[str, Any]:
    begin = len(_BEGIN) + _DIGEST_LENGTH + 1
    if not data.startswith(_BEGIN):
        raise ValueError("it does not begin as one")
    body = data[begin:]
    if hashlib.sha256(body).hexdigest().encode() != data[len(_BEGIN) : begin - 1]:
        raise ValueError("the digest at its beginning is of other content")
    content: dict[str, Any] = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    return content


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].detach().cpu().contiguous()
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """The first half of a SHA-256 over weights: enough to tell them apart."""
    return _digest(weights)[: _DIGEST_LENGTH // 2]


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} is no whole checkpoint ({error}): it cannot be gone on from. Delete it to train "
        "this network anew; the others of the run stay."
    )
