"""torchvision's networks with the papers' heads, and where their weights begin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from training.errors import RunError, WeightsError
from training.networks.classifiers import (
    Backbone,
    Classifier,
    Head,
    NetworkPlan,
    build,
    check_side,
    positive_scores,
    put_head,
)
from training.networks.spatial import SpatialTransformer
from training.networks.weights import Start, expected_tensors, starting_tensors

if TYPE_CHECKING:
    from pathlib import Path

SCRATCH = Start("")


def layers_of(plan: NetworkPlan, side: int = 224) -> nn.Module:
    """A network without memory for its numbers."""
    with torch.device("meta"):
        network = getattr(torchvision.models, plan.backbone.value)(weights=None)
        put_head(network, plan, side, lambda _: None)
    return network


def widths(network: nn.Module) -> list[tuple[int, int]]:
    return [
        (one.in_features, one.out_features)
        for one in network.modules()
        if isinstance(one, nn.Linear)
    ]


def test_csm_is_13_convolutions_pooling_and_128_64_1() -> None:
    plan = NetworkPlan(Backbone.VGG16, 1, Head.POOLED_128_64_1)
    network = layers_of(plan)

    assert sum(isinstance(one, nn.Conv2d) for one in network.modules()) == 13
    assert widths(network) == [(512, 128), (128, 64), (64, 1)]
    assert network.avgpool.output_size == 1


@pytest.mark.parametrize(
    ("backbone", "last"),
    [
        (Backbone.VGG16, (4096, 2)),
        (Backbone.VGG19, (4096, 2)),
        (Backbone.RESNET50, (2048, 2)),
        (Backbone.RESNET101, (2048, 2)),
        (Backbone.DENSENET201, (1920, 2)),
    ],
)
def test_each_backbone_ends_in_two_outputs(backbone: Backbone, last: tuple[int, int]) -> None:
    assert widths(layers_of(NetworkPlan(backbone)))[-1] == last


def test_vgg_of_another_side_has_a_first_layer_for_the_maps_that_it_sees() -> None:
    assert widths(layers_of(NetworkPlan(Backbone.VGG16), 64))[0] == (512 * 2 * 2, 4096)
    assert widths(layers_of(NetworkPlan(Backbone.VGG16), 224))[0] == (512 * 7 * 7, 4096)


def test_pictures_that_would_be_pooled_away_are_refused() -> None:
    with pytest.raises(RunError, match="at least 32, not 16"):
        check_side(NetworkPlan(Backbone.VGG16), 16)


@pytest.mark.parametrize("backbone", [Backbone.RESNET50, Backbone.RESNET101, Backbone.DENSENET201])
def test_batch_norm_gets_more_than_one_position_to_normalise_over(backbone: Backbone) -> None:
    """Over one position of two films its gradients explode and its scores are no numbers."""
    with pytest.raises(RunError, match=r"normalises .* at least 64, not 63"):
        check_side(NetworkPlan(backbone), 63)

    check_side(NetworkPlan(backbone), 64)
    check_side(NetworkPlan(Backbone.VGG19), 32)


def test_two_outputs_become_one_logit() -> None:
    assert positive_scores(torch.tensor([[1.0, 3.5]])).item() == 2.5
    assert positive_scores(torch.tensor([[1.5]])).item() == 1.5


def test_a_spatial_transformer_begins_as_the_identity_and_learns() -> None:
    torch.manual_seed(1)
    spatial = SpatialTransformer()
    pictures = torch.rand(2, 3, 64, 64)

    seen = spatial(pictures)
    (seen * torch.linspace(0, 1, 64)).sum().backward()

    assert torch.allclose(seen, pictures, atol=1e-5)
    assert spatial.affine[-1].weight.grad.abs().max() > 0


def test_what_rests_neither_learns_nor_changes_its_batch_statistics() -> None:
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer4 = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
            self.fc = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.fc(self.layer4(pictures))

    network = Classifier(Small())
    network.learn_only(("spatial", "backbone.fc"))
    network.train()
    before = network.backbone.layer4[1].running_mean.clone()
    network(torch.rand(4, 3, 8, 8)).sum().backward()

    assert torch.equal(network.backbone.layer4[1].running_mean, before)
    assert network.backbone.layer4[0].weight.grad is None
    assert network.backbone.fc[2].weight.grad is not None
    network.learn_only(None)
    network.train()
    network(torch.rand(4, 3, 8, 8))
    assert not torch.equal(network.backbone.layer4[1].running_mean, before)


@pytest.fixture(scope="module")
def resnet50_tensors() -> dict[str, torch.Tensor]:
    """Whole weights of ResNet50, all of one value, which takes no room in a .pth file."""
    return weights_of_one_value("resnet50")


def weights_of_one_value(name: str) -> dict[str, torch.Tensor]:
    return {
        key: torch.tensor(0.01).expand(one.shape)
        for key, one in expected_tensors(name).items()
        if not key.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_local_file(
    suffix: str, resnet50_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(resnet50_tensors, path)
    else:
        save_file({key: one.contiguous() for key, one in resnet50_tensors.items()}, path)

    network = build(NetworkPlan(Backbone.RESNET50), 64, Start(str(path)), seed=1)

    assert (network.backbone.conv1.weight == 0.01).all()
    assert network.backbone.fc.out_features == 2


def test_weights_of_another_network_are_refused_by_name_and_shape(
    resnet50_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"no tensor 'conv1.weight', which resnet50 has"):
        starting_tensors(Start(str(path)), "resnet50")

    torch.save({**resnet50_tensors, "conv1.weight": torch.zeros(8, 3, 7, 7)}, path)
    with pytest.raises(WeightsError, match=r"\(8, 3, 7, 7\) and resnet50 needs \(64, 3, 7, 7\)"):
        starting_tensors(Start(str(path)), "resnet50")


def test_a_file_that_is_no_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        starting_tensors(Start(str(tmp_path / "missing.pth")), "resnet50")
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("no tensors here")
        with pytest.raises(WeightsError, match=f"{name} cannot be read as weights"):
            starting_tensors(Start(str(tmp_path / name)), "resnet50")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="holds a list, not the named tensors"):
        starting_tensors(Start(str(tmp_path / "list.pth")), "resnet50")


def test_a_weights_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": nn.Linear(1, 1)}, tmp_path / "objects.pth")

    with pytest.raises(WeightsError, match="cannot be read as weights"):
        starting_tensors(Start(str(tmp_path / "objects.pth")), "resnet50")


def test_imagenet_weights_come_from_the_cache_of_torchvision(
    resnet50_tensors: dict[str, torch.Tensor], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(resnet50_tensors, cache / "resnet50-11ad3fa6.pth")

    tensors = starting_tensors(Start(), "resnet50")

    assert tensors is not None
    assert (tensors["fc.weight"] == 0.01).all()


def test_without_cache_and_network_the_ways_on_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request._opener", None)  # it would keep the proxy for others
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there

    with pytest.raises(WeightsError) as refused:
        starting_tensors(Start(), "vgg16")

    message = str(refused.value)
    assert "ImageNet weights of vgg16" in message
    assert str(tmp_path / "hub" / "checkpoints" / "vgg16-") in message
    assert "--weights FILE" in message
    assert "--from-scratch" in message
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_old_names_of_densenet_are_understood(tmp_path: Path) -> None:
    """The file that torchvision downloads still has them."""
    new = weights_of_one_value("densenet201")
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", key): one for key, one in new.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")

    tensors = starting_tensors(Start(str(tmp_path / "old.pth")), "densenet201")

    assert tensors is not None
    assert tensors.keys() == expected_tensors("densenet201").keys()


def test_the_seed_decides_the_weights_that_no_file_gives() -> None:
    plan = NetworkPlan(Backbone.RESNET50)
    one, same, other = (build(plan, 64, SCRATCH, seed) for seed in (1, 1, 2))

    assert torch.equal(one.backbone.fc.weight, same.backbone.fc.weight)
    assert not torch.equal(one.backbone.fc.weight, other.backbone.fc.weight)
