"""A morning's films: drawn by the training package in a process of its own, sent as a modality."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from pydicom import dcmread
from pynetdicom import AE

from triage.delivery.reactor import HELD_REACTOR
from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from triage.settings import Settings

PLAN_FILE = "morning.json"
MODALITY_AE_TITLE = "MODALITY"


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the morning, in the order of sending.

    Attributes:
        path: The file.
        study: Study Instance UID.
        instance: SOP Instance UID.
        association: Files with the same number go over one association.
        late: It is sent after the study's report, as a film that was taken again.
        label: The part that it plays: normal, abnormal, stat, ap, chest, hardware, ...
        expected: Outcomes of the whole study that are no fault of the system.
        hoped_for: The best of them.
    """

    path: Path
    study: str
    instance: str
    association: int
    late: bool
    label: str
    expected: tuple[str, ...]
    hoped_for: str


def start_drawing(folder: Path, seed: int) -> subprocess.Popen[bytes]:
    """Start the process that draws a morning's films.

    This package never imports the training package: what draws films stays out of hospitals'
    processes.
    """
    words = ["phantom", "--morning", "--out", str(folder), "--seed", str(seed)]
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "training", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def read_plan(drawing: subprocess.Popen[bytes], folder: Path) -> tuple[Item, ...]:
    """Wait until the films are drawn and return what to send.

    Raises:
        TriageError: They could not be drawn.
    """
    _, complaints = drawing.communicate()
    if drawing.returncode:
        text = complaints.decode(errors="replace").strip().splitlines()
        raise TriageError(f"the films could not be drawn: {text[-1] if text else 'no reason'}")
    plan = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
    return tuple(
        Item(
            path=folder / one["file"],
            study=one["study"],
            instance=one["instance"],
            association=one["association"],
            late=one["wait_for"] == "report",
            label=one["label"],
            expected=tuple(one["expected"]),
            hoped_for=one["hoped_for"],
        )
        for one in plan["items"]
    )


def send(settings: Settings, items: Sequence[Item]) -> Iterator[tuple[Item, int]]:
    """Send files by C-STORE, and yield each with the status that was answered.

    Raises:
        TriageError: The listener did not accept an association.
    """
    for _, group in groupby(items, key=lambda item: item.association):
        yield from _send_together(settings, tuple(group))


def _send_together(settings: Settings, items: Sequence[Item]) -> Iterator[tuple[Item, int]]:
    datasets = {item: dcmread(item.path) for item in items}
    entity = AE(MODALITY_AE_TITLE)
    for one in datasets.values():
        entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
    listener = settings.listener
    association = entity.associate(
        listener.address,
        listener.port,
        ae_title=listener.ae_title,
        evt_handlers=[HELD_REACTOR],
    )
    if not association.is_established:
        raise TriageError(f"the listener at port {listener.port} did not accept an association")
    try:
        for item, dataset in datasets.items():
            answer = association.send_c_store(dataset)
            yield item, int(answer.Status) if "Status" in answer else -1
    finally:
        association.release()
