"""The papers' networks: torchvision's backbones with one or two outputs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import torch
import torchvision
from torch import Tensor, nn

from training.errors import RunError
from training.networks.spatial import SpatialTransformer
from training.networks.weights import Start, starting_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REDUCTION: Final = 32  # all these backbones halve their input five times
_USUAL_SIDE: Final = 224
_VGG_HIDDEN: Final = 4096


class Backbone(Enum):
    """A network of torchvision, by the name that torchvision gives it."""

    VGG16 = "vgg16"
    VGG19 = "vgg19"
    RESNET50 = "resnet50"
    RESNET101 = "resnet101"
    DENSENET201 = "densenet201"


class Head(Enum):
    """What turns a backbone's maps into scores."""

    OWN = "own"  # the backbone's own, its last layer made anew
    POOLED_128_64_1 = "pooled-128-64-1"  # global average pooling, then 128, 64 and 1 units


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A network.

    Attributes:
        backbone: Of torchvision.
        outputs: 1 for a sigmoid, 2 for a softmax over absent and present.
        head: What stands behind the backbone.
        spatial_transformer: Whether one stands before it.
    """

    backbone: Backbone
    outputs: int = 2
    head: Head = Head.OWN
    spatial_transformer: bool = False


class Classifier(nn.Module):
    """From pictures to scores.

    Args:
        backbone: A torchvision network whose head gives the outputs.
        spatial: Stands before it; None for nothing.
    """

    def __init__(self, backbone: nn.Module, spatial: SpatialTransformer | None = None) -> None:
        super().__init__()
        self.spatial = spatial if spatial is not None else nn.Identity()
        self.backbone = backbone
        self._resting: tuple[nn.Module, ...] = ()

    def forward(self, pictures: Tensor) -> Tensor:
        """Outputs (n, 1 or 2) of normalised pictures (n, 3, side, side)."""
        outputs: Tensor = self.backbone(self.spatial(pictures))
        return outputs

    def learn_only(self, parts: Sequence[str] | None) -> None:
        """Let some parts learn and the others rest, batch statistics included.

        Args:
            parts: Beginnings of parameter names, for instance ``"backbone.layer4"``; None lets
                all of it learn.
        """
        wanted = ("",) if parts is None else tuple(parts)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith(wanted))
        self._resting = tuple(
            module
            for name, module in self.named_modules()
            if isinstance(module, nn.BatchNorm2d) and not name.startswith(wanted)
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> Classifier:
        """As ever, but parts that rest keep the batch statistics that they have."""
        super().train(mode)
        for module in self._resting:
            module.eval()
        return self


def positive_scores(outputs: Tensor) -> Tensor:
    """Logits (n,) of the finding from outputs (n, 1) or (n, 2)."""
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]


def build(
    plan: NetworkPlan,
    side: int,
    start: Start,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Classifier:
    """Build a network with its weights.

    Args:
        plan: Which network.
        side: Pixels of the pictures' side.
        start: Where its weights come from.
        seed: What is not given by them follows from it.
        say: Takes a sentence about what could not be taken over.

    Raises:
        RunError: The pictures are too small for it.
        WeightsError: The weights are not to be had, or belong to another network.
    """
    check_side(plan, side)
    tensors = starting_tensors(start, plan.backbone.value)  # may fail: before the slow part
    with torch.device("meta"):  # no memory, and no chance, for layers that the head replaces
        network = getattr(torchvision.models, plan.backbone.value)(weights=None)
        put_head(network, plan, side, say if tensors is not None else lambda _: None)
    network.to_empty(device="cpu")
    torch.manual_seed(seed)
    network.apply(_begin_by_chance)
    if tensors is not None:
        shapes = {key: one.shape for key, one in network.state_dict().items()}
        fitting = {key: one for key, one in tensors.items() if shapes.get(key) == one.shape}
        network.load_state_dict(fitting, strict=False)
    classifier = Classifier(network, SpatialTransformer() if plan.spatial_transformer else None)
    return classifier.to(memory_format=torch.channels_last)  # a sixth faster on a CPU


def _begin_by_chance(layer: nn.Module) -> None:
    """Draw the weights of a layer: convolutions as He et al. 2015, all else as PyTorch does."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, (nn.Linear, nn.BatchNorm2d)):
        layer.reset_parameters()


def check_side(plan: NetworkPlan, side: int) -> None:
    """Refuse pictures of which too little would be left behind a network's poolings.

    Batch norm that finds one position in each map takes mean and deviation over the films of a
    step alone. A step of two films then has gradients of 1e8 and more, and statistics with which
    the next films give no numbers.

    Raises:
        RunError: They are too small.
    """
    normalises = plan.backbone not in {Backbone.VGG16, Backbone.VGG19}
    least = 2 * _REDUCTION if normalises else _REDUCTION
    if side >= least:
        return
    reason = " and normalises what is left over films and positions" if normalises else ""
    raise RunError(
        f"{plan.backbone.value} halves its pictures five times{reason}, so --image-side must be "
        f"at least {least}, not {side}: the paper's is {_USUAL_SIDE}."
    )


def put_head(
    network: Any,  # noqa: ANN401 - torchvision's networks have no types
    plan: NetworkPlan,
    side: int,
    say: Callable[[str], None],
) -> None:
    """Put the head of a plan onto a network of torchvision."""
    if plan.backbone in {Backbone.RESNET50, Backbone.RESNET101}:
        network.fc = nn.Linear(network.fc.in_features, plan.outputs)
    elif plan.backbone is Backbone.DENSENET201:
        network.classifier = nn.Linear(network.classifier.in_features, plan.outputs)
    elif plan.head is Head.POOLED_128_64_1:
        network.avgpool = nn.AdaptiveAvgPool2d(1)
        network.classifier = _narrowing(512, 128, 64, plan.outputs)
    else:
        _put_vgg_head(network, plan.outputs, side, say)


def _narrowing(*widths: int) -> nn.Sequential:
    """Fully connected layers of these widths, with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _put_vgg_head(
    network: Any,  # noqa: ANN401 - as above
    outputs: int,
    side: int,
    say: Callable[[str], None],
) -> None:
    """Fit VGG's fully connected layers to the maps that this side gives.

    torchvision would blow smaller maps up to 7 x 7; the first layer is made anew instead.
    """
    cells = side // _REDUCTION
    network.avgpool = nn.Identity()  # it pools nothing then, and its gradient is random on a GPU
    if cells != _USUAL_SIDE // _REDUCTION:
        network.classifier[0] = nn.Linear(512 * cells**2, _VGG_HIDDEN)
        say(f"the first fully connected layer begins anew: it was trained for {_USUAL_SIDE} pixels")
    network.classifier[-1] = nn.Linear(_VGG_HIDDEN, outputs)
