"""Who may associate, and with which presentation contexts: pure rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
    Verification,
)

from triage.intake.storage_classes import TRANSFER_SYNTAXES, may_be_stored

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from pynetdicom.presentation import PresentationContext

    from triage.settings import ListenerSettings, UnknownSopClasses

_UNCOMPRESSED = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
UPS_CLASSES = (
    UnifiedProcedureStepPush,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepWatch,
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepQuery,
)
_SERVICES = frozenset(map(str, (Verification, *UPS_CLASSES)))


@dataclass(frozen=True, slots=True)
class Call:
    """What an association request says about its two ends."""

    called_ae_title: str
    calling_ae_title: str
    address: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An A-ASSOCIATE-RJ (PS3.8 Table 9-21) and the reason for our own log."""

    result: int  # 1 permanent, 2 transient
    source: int  # 1 service user, 3 service provider (presentation)
    diagnostic: int
    reason: str


CALLED_AE_TITLE = Refusal(1, 1, 7, "called AE title not recognised")
CALLING_AE_TITLE = Refusal(1, 1, 3, "calling AE title not in listener.calling_ae_titles")
CALLING_ADDRESS = Refusal(1, 1, 1, "address not in listener.calling_addresses")
TOO_MANY = Refusal(2, 3, 2, "listener.maximum_associations reached")
TOO_MANY_OF_PEER = Refusal(2, 3, 2, "listener.maximum_associations_per_peer reached")


def refusal(call: Call, settings: ListenerSettings) -> Refusal | None:
    """Return why an association is refused by who asks for it, None when that is welcome."""
    if not _may_call_from(call.address, settings):
        return CALLING_ADDRESS
    if settings.check_called_ae_title and call.called_ae_title != settings.ae_title:
        return CALLED_AE_TITLE
    if settings.calling_ae_titles and call.calling_ae_title not in settings.calling_ae_titles:
        return CALLING_AE_TITLE
    return None


def _may_call_from(address: str, settings: ListenerSettings) -> bool:
    if not settings.calling_addresses:
        return True
    caller = _plain_address(address)
    return any(caller in network for network in settings.calling_addresses)


def _plain_address(address: str) -> IPv4Address | IPv6Address:
    """Return an address; an IPv4 one that comes mapped into IPv6 as what it is."""
    caller = ip_address(address.partition("%")[0])
    mapped = caller.ipv4_mapped if isinstance(caller, IPv6Address) else None
    return mapped or caller


def choose_contexts(
    proposed: Iterable[PresentationContext], unknown: UnknownSopClasses
) -> list[PresentationContext]:
    """Return the contexts to support for one request: what it proposes, as far as we take it.

    Of each proposed context the first transfer syntax that we know is taken, which is mostly
    what the sender's file is in: that spares a conversion. The library can only prefer one and
    the same order for all contexts of a SOP class; therefore the proposal is narrowed to the
    choice.

    Args:
        proposed: The contexts of the request; those that are taken keep only the choice.
        unknown: What the site wants done with unknown SOP classes.
    """
    chosen: defaultdict[str, list[str]] = defaultdict(list)
    for context in proposed:
        uid = str(context.abstract_syntax)
        known = _known_syntaxes(uid, unknown)
        choice = next((str(one) for one in context.transfer_syntax if one in known), None)
        if choice is not None:
            context.transfer_syntax = [choice]
        if known:
            # With none that we know, the answer is that, and not an unknown SOP class.
            chosen[uid].append(choice or next(iter(known)))
    return [build_context(uid, syntaxes) for uid, syntaxes in chosen.items()]


def _known_syntaxes(sop_class_uid: str, unknown: UnknownSopClasses) -> AbstractSet[str]:
    """Return the transfer syntaxes that we take a SOP class in; none when we do not take it."""
    if sop_class_uid in _SERVICES:
        return _UNCOMPRESSED
    return TRANSFER_SYNTAXES if may_be_stored(sop_class_uid, unknown) else frozenset()
