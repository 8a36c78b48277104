"""Small bundles with random weights, and certificates that hold for them."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from training.bundle.export import BundleParts, manifest_content, network_entry, tensor_files
from training.certify.limits import open_limits
from triage.vision.bundle import model_digest
from triage.vision.networks import Locator
from triage.vision.path import PixelPath
from triage.vision.readers import SpineReader

FINDINGS = {"abnormal": ("spondylosis", "kyphosis"), "spondylosis": ("spondylosis",)}


def bundle_parts(members: int = 2, **changes: Any) -> BundleParts:
    """The parts of a small bundle with random weights; keyword arguments change bundle.json."""
    torch.manual_seed(3)
    findings = {name: list(parts) for name, parts in FINDINGS.items()}
    parameters = {
        "disc_components": ["spondylosis", "listhesis"],
        "vertebra_components": ["canal-narrowing"],
        "spine_components": ["kyphosis", "swelling"],
        "findings": findings,
        "width": 2,
    }
    tensors: dict[str, Any] = {"locator.safetensors": Locator(2).state_dict()}
    for number in range(members):
        tensors[f"reader-{number}.safetensors"] = SpineReader(**parameters).state_dict()
    width = Locator(2).embedding_width
    tensors["embedding.safetensors"] = {"mean": torch.zeros(width), "precision": torch.eye(width)}
    readers = [
        network_entry(f"reader-{n}", "spine-reader/2", f"reader-{n}.safetensors", parameters)
        for n in range(members)
    ]
    locator = network_entry("locator", "heat-map-locator/4", "locator.safetensors", {"width": 2})
    words = ("name", "manufacturer", "version", "created", "intended_use", "licence")
    entries = [
        {
            "name": name,
            "title": name,
            "code": {"value": "1", "scheme": "99TEST", "meaning": name},
            "site": None,
            "of": None,
        }
        for name in FINDINGS
    ]
    manifest = manifest_content(
        dict.fromkeys(words, "test"),
        entries,
        (locator, readers),
        PixelPath(side=256),
        open_limits(),
        points={name: {"flag": 5.0, "rule_out": -3.0} for name in FINDINGS},
        temperatures=dict.fromkeys(FINDINGS, 1.5),
        provenance={},
    )
    return BundleParts({**manifest, **changes}, tensors, certificate(tensors))


def certificate(tensors: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A certificate that holds for the bundle of `bundle_parts`; n = 59 allows no miss."""
    sums = {name: _sum(data) for name, data in tensor_files(tensors).items()}
    shown = {
        "alpha": 0.05,
        "n": 59,
        "k": 0,
        "threshold": -3.0,
        "prevalence": 0.5,
        "lowest_scores": [-3.0],
    }
    content = {
        "schema": "cspine-triage-certificate/1",
        "alpha": 0.05,
        "delta": 0.05,
        "model_digest": model_digest(sums, sums),
        "data_digest": "0" * 64,
        "findings": {name: dict(shown) for name in FINDINGS},
        "strata": [],
    }
    return content | changes


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
