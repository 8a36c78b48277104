"""A reading list that takes a while to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hostile import pdus
from triage.store import Store, StoredFile
from triage.values import HeaderFacts, ImageState

if TYPE_CHECKING:
    from tests.hostile.listening import Listening

WORK_ITEMS = 400


def fill_reading_list(running: Listening) -> None:
    """Give a listener work items, each of one image; may be done more than once."""
    with Store.open(running.state_folder) as store:
        for number in range(WORK_ITEMS):
            facts = HeaderFacts(
                sop_class_uid=pdus.DIGITAL_XRAY,
                sop_instance_uid=f"1.2.5.{number}",
                study_instance_uid=f"1.2.3.{number}",
                series_instance_uid=f"1.2.4.{number}",
                transfer_syntax_uid=pdus.IMPLICIT_LITTLE_ENDIAN,
                modality="DX",
            )
            file = StoredFile(f"spool/{number}", 1, f"{number}")
            store.record_instance(facts, file, state=ImageState.QUEUED, calling_ae_title="CT")
