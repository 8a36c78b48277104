"""The card says what the certificate rests on, and since when."""

from __future__ import annotations

from tests.vision.bundles import bundle_parts
from training.bundle.card import card_text

PROVENANCE = {
    "recipe": "cspine",
    "seed": 1,
    "data": "phantom",
    "data_digest": "d" * 64,
    "films": {"train": 10},
    "metrics": {},
    "hardware": "a machine",
    "seconds": {"training": 3.0},
}
ANEW = {"data": "a hospital's films", "films": 900, "passed_every_gate": 850}


def test_a_miss_rate_below_one_in_a_hundred_is_not_rounded_to_nothing() -> None:
    parts = bundle_parts(provenance=PROVENANCE)
    assert parts.certificate is not None
    findings = {
        name: {**one, "alpha": 0.005} for name, one in parts.certificate["findings"].items()
    }

    text = card_text(parts.manifest, {**parts.certificate, "findings": findings})

    assert "| abnormal | 0.005 |" in text
    assert "Certified anew" not in text


def test_what_a_bundle_was_certified_on_since_it_was_made_stands_on_its_card() -> None:
    parts = bundle_parts(provenance={**PROVENANCE, "certified_on": ANEW})

    text = card_text(parts.manifest, parts.certificate)

    assert "Certified anew on 900 films of a hospital's films" in text
    assert "850 passed every gate" in text
    assert "Certified anew" not in card_text(parts.manifest, None)
