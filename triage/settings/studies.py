"""When a study is complete, which of its images the models take, and who runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.keys import DAY_SECONDS, key

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StudySettings:
    """When a study counts as complete."""

    quiet_seconds: float = field(
        default=10.0,
        metadata=key(
            rules.number(0.1, 3600), "A study is complete when no image came for this long."
        ),
    )
    complete_on_release: bool = field(
        default=False,
        metadata=key(
            rules.flag(),
            "Complete as soon as the association that brought it is released; only where "
            "modalities send a whole study in one association.",
        ),
    )


@dataclass(frozen=True, slots=True)
class EligibilitySettings:
    """Which images go to the models; all comparisons disregard case."""

    modalities: tuple[str, ...] = field(
        default=("CR", "DX"),
        metadata=key(rules.several(rules.words(), at_least=1), "Modality (0008,0060) is one of."),
    )
    body_parts: tuple[str, ...] = field(
        default=(
            "CSPINE",
            "C SPINE",
            "C-SPINE",
            "CERVICAL",
            "CERVICALSPINE",
            "CERVICAL SPINE",
            "HWS",
        ),
        metadata=key(
            rules.several(rules.words(), at_least=1),
            "Body Part Examined (0018,0015) is one of. NECK is left out: it is the code of soft "
            "tissue films too, which no cervical spine model has seen.",
        ),
    )
    description_words: tuple[str, ...] = field(
        default=("CSPINE", "C SPINE", "C-SPINE", "CERVICAL", "HWS"),
        metadata=key(
            rules.several(rules.words()),
            "Where Body Part Examined is empty: Study or Series Description contains one of. An "
            "empty list takes no image without Body Part Examined.",
        ),
    )
    presentation_only: bool = field(
        default=True,
        metadata=key(
            rules.flag(),
            "Leave out images whose Presentation Intent Type (0008,0068) is FOR PROCESSING.",
        ),
    )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The processes that decode images and run the models."""

    device: str = field(
        default="auto",
        metadata=key(rules.device(), "auto: every CUDA device there is, else the CPU."),
    )
    bundle: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="the one that comes along"),
            "Folder of the model bundle; the one that comes along is not for patients.",
        ),
    )
    batch_size: int = field(
        default=8,
        metadata=key(rules.whole(1, 256), "Images in one batch; halved when memory runs out."),
    )
    lease_seconds: float = field(
        default=60.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS),
            "A claimed image whose worker has been silent for this long goes to another.",
        ),
    )
    maximum_attempts: int = field(
        default=3,
        metadata=key(rules.whole(1, 20), "An image that failed this often is set aside."),
    )
    maximum_megapixels: int = field(
        default=64,
        metadata=key(rules.whole(1, 1000), "Larger images are set aside without decoding."),
    )
    threads: int = field(
        default=0,
        metadata=key(rules.whole(0, 256), "CPU threads of a worker; 0 leaves it to PyTorch."),
    )
