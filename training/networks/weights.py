"""Where the weights of a network begin: ImageNet through torchvision, a local file, or chance."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlparse

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from training.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IMAGENET: Final = "imagenet"
_SECONDS_WITHOUT_ANSWER: Final = 10.0
# Layers of DenseNet that older files call "norm.1", and torchvision "norm1".
_OLD_NAME: Final = re.compile(r"\.(norm|conv)\.([12])\.")
# Batch normalisation counts its batches; older files leave that out, and it changes nothing.
_COUNTER: Final = ".num_batches_tracked"
# What torch.load and safetensors fail with, according to what is wrong with a file.
_UNREADABLE: Final = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    UnpicklingError,
    SafetensorError,
)
_WAYS_ON: Final = "give a local file with --weights FILE, or begin by chance with --from-scratch"


@dataclass(frozen=True, slots=True)
class Start:
    """Where weights come from.

    Attributes:
        source: ``"imagenet"``, the path of a file (``.pth``, ``.pt`` or ``.safetensors``), or
            empty for chance.
    """

    source: str = IMAGENET

    @property
    def pretrained(self) -> bool:
        """Whether weights are taken from anywhere."""
        return bool(self.source)

    def __str__(self) -> str:
        return self.source or "from scratch"


def starting_tensors(start: Start, name: str) -> dict[str, Tensor] | None:
    """The tensors of a whole network of torchvision.

    Args:
        start: Where they come from.
        name: torchvision's name of the network.

    Returns:
        They, with the names and shapes that the network has; None for chance.

    Raises:
        WeightsError: They are not to be had, or belong to another network.
    """
    if not start.pretrained:
        return None
    expected = expected_tensors(name)
    if start.source == IMAGENET:
        return _fitting(_imagenet(name), expected, f"The weights in {_cached(name)}", name)
    path = Path(start.source)
    return _fitting(_from_file(path), expected, str(path), name)


def expected_tensors(name: str) -> dict[str, Tensor]:
    """Names and shapes of a network's tensors, without memory for their numbers."""
    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    return dict(network.state_dict())


def _imagenet(name: str) -> dict[str, Any]:
    """Weights from torchvision's cache, or else from its server."""
    weights = torchvision.models.get_model_weights(name).DEFAULT
    try:
        with _impatient():
            return dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise WeightsError(
            f"The ImageNet weights of {name} are not in {_cached(name)} and could not be "
            f"downloaded from {weights.url} ({_reason(error)}): put the file there, {_WAYS_ON}."
        ) from error


def _cached(name: str) -> Path:
    """Where torchvision keeps the file; TORCH_HOME moves it."""
    url = torchvision.models.get_model_weights(name).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


@contextmanager
def _impatient() -> Iterator[None]:
    """Let no connection stay silent for minutes: torchvision sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_ANSWER)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error).splitlines()[0][:200]


def _from_file(path: Path) -> dict[str, Any]:
    """Tensors of a file; nothing in it is executed."""
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"There is no weights file {path}: {_WAYS_ON}.") from error
    except _UNREADABLE as error:
        raise WeightsError(
            f"{path} cannot be read as weights ({_reason(error)}): it must be a .safetensors file "
            "or a state_dict saved by torch.save, with tensors only."
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise WeightsError(
            f"{path} holds a {type(content).__name__}, not the named tensors of a network: save "
            "network.state_dict()."
        )
    return content


def _fitting(
    found: Mapping[str, Any], expected: Mapping[str, Tensor], where: str, name: str
) -> dict[str, Tensor]:
    """The expected tensors out of a file, checked by name and shape."""
    named = {_OLD_NAME.sub(r".\1\2.", str(key)): one for key, one in found.items()}
    tensors = {}
    for key, like in expected.items():
        if key.endswith(_COUNTER):
            tensors[key] = torch.zeros_like(like, device="cpu")
            continue
        tensor = named.get(key)
        if not isinstance(tensor, Tensor):
            raise WeightsError(
                f"{where}: no tensor {key!r}, which {name} has: these are not the weights of "
                f"torchvision's {name}; {_WAYS_ON}."
            )
        if tensor.shape != like.shape:
            raise WeightsError(
                f"{where}: {key!r} has the shape {tuple(tensor.shape)} and {name} needs "
                f"{tuple(like.shape)}: these are not the weights of torchvision's {name} with its "
                f"1000 classes; {_WAYS_ON}."
            )
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{where}: {key!r} holds numbers that are not finite; {_WAYS_ON}.")
        tensors[key] = tensor
    return tensors
