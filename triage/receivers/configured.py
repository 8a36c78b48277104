"""From the settings to the receivers that a site has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.hl7.priority import kind_for
from triage.receivers.hl7 import OrderSystem
from triage.receivers.orthanc import Orthanc
from triage.receivers.ups import UpsManager

if TYPE_CHECKING:
    from triage.receivers.receiver import Receiver
    from triage.settings import Settings
    from triage.store import Store


def configured_receivers(settings: Settings, store: Store) -> tuple[Receiver, ...]:
    """Return every receiver of priorities of a site; the store knows the orders to repeat."""
    timeout = settings.delivery.timeout_seconds
    title, label = settings.listener.ae_title, settings.worklist.label
    return (
        *(Orthanc(one, timeout) for one in settings.orthanc_receivers),
        *(UpsManager(one, title, label, timeout) for one in settings.ups_receivers),
        *(OrderSystem(one, store, timeout) for one in settings.hl7_receivers if kind_for(one)),
    )
