"""From the weights files of a bundle to networks; the part of a bundle that takes PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from triage.errors import BundleError
from triage.vision.networks import Locator, build_locator, build_member

if TYPE_CHECKING:
    from triage.vision.bundle import Bundle
    from triage.vision.manifest import NetworkEntry
    from triage.vision.readers import SpineReader

_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """All that a bundle computes with.

    Attributes:
        locator: Finds the landmarks.
        readers: The members, in the bundle's order.
        mean: Mean (d,) of the locator's embedding over films in scope.
        precision: Inverse covariance (d, d) of the same.
    """

    locator: Locator
    readers: tuple[SpineReader, ...]
    mean: Tensor
    precision: Tensor


def load_networks(bundle: Bundle) -> Networks:
    """Build every network of a bundle with its weights, ready to be used.

    Raises:
        BundleError: An architecture is unknown, or weights do not belong to it.
    """
    entry = bundle.manifest.locator
    locator = _filled(build_locator(entry.architecture, entry.parameters), bundle, entry)
    readers = tuple(_reader(bundle, entry) for entry in bundle.manifest.members)
    mean, precision = _embedding(bundle, locator.embedding_width)
    return Networks(locator, readers, mean, precision)


def read_tensors(bundle: Bundle, name: str) -> dict[str, Tensor]:
    """Read a weights file.

    Raises:
        BundleError: It is no safetensors file.
    """
    try:
        return load(bundle.weights(name))
    except SafetensorError as error:
        raise BundleError(f"{name} is not a safetensors file: export the bundle anew.") from error


def _reader(bundle: Bundle, entry: NetworkEntry) -> SpineReader:
    reader = build_member(entry.architecture, entry.parameters)
    if tuple(reader.findings) != tuple(finding.name for finding in bundle.findings):
        raise BundleError(
            f"bundle.json: member {entry.name} does not give the bundle's findings in their order: "
            "export the bundle anew."
        )
    return _filled(reader, bundle, entry)


def _filled(network: _Network, bundle: Bundle, entry: NetworkEntry) -> _Network:
    tensors = read_tensors(bundle, entry.weights)
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise BundleError(f"{entry.weights} holds numbers that are not finite: train it again.")
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise BundleError(
            f"{entry.weights} does not belong to the architecture {entry.architecture} of "
            "bundle.json: export the bundle anew."
        ) from error
    return network.eval()


def _embedding(bundle: Bundle, width: int) -> tuple[Tensor, Tensor]:
    name = bundle.manifest.embedding
    tensors = read_tensors(bundle, name)
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if shapes != {"mean": (width,), "precision": (width, width)}:
        raise BundleError(f"{name} does not fit the locator: export the bundle anew.")
    return tensors["mean"], tensors["precision"]
