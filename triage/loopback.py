"""A small storage PACS for the demonstration: it takes everything and can be asked what it has.

It is no archive: it keeps files, not an index, and answers before they are durable.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, cast

import pydicom
from pydicom.errors import InvalidDicomError
from pynetdicom import (
    AE,
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    evt,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

from triage.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from pynetdicom.events import Event
    from pynetdicom.transport import ThreadedAssociationServer

SUCCESS = 0x0000
CANNOT_UNDERSTAND = 0xC000  # PS3.4 Table B.2-1
MAXIMUM_PDU_BYTES = 131_072  # with pynetdicom's 16 KB, a film costs three times the time

# UIDs become names of files: what is none must not name one (PS3.5 9.1).
UID_PATTERN = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class ReceivedObject:
    """One instance that the PACS holds."""

    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    path: Path


class LoopbackPacs:
    """A storage PACS on the loopback interface: Verification, and Storage of every class.

    It checks no AE titles. Files lie in ``folder/STUDY/INSTANCE.dcm`` as they were received; an
    instance that comes again replaces itself.

    Args:
        folder: Where the files go; made when missing.
        port: TCP port; 0 takes a free one, see `port` after `start`.
        ae_title: Its AE title.
    """

    def __init__(self, folder: Path, port: int = 0, ae_title: str = "DEMOPACS") -> None:
        self.folder = folder
        self.port = port
        self.ae_title = ae_title
        self.stores = 0  # C-STORE requests answered with success, repeated ones included
        self._held: dict[str, ReceivedObject] = {}
        self._changed = threading.Condition()
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> Self:
        """Listen.

        Raises:
            PermanentError: The port is taken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            server = self._application_entity().start_server(
                ("127.0.0.1", self.port),
                block=False,
                evt_handlers=[(evt.EVT_C_STORE, self._take)],
            )
        except OSError as error:
            raise PermanentError(
                f"the loopback PACS cannot listen on port {self.port}: {error.strerror};"
                " choose another port"
            ) from error
        self._server = cast("ThreadedAssociationServer", server)  # as it does not block
        self.port = int(self._server.server_address[1])
        return self

    def stop(self) -> None:
        """Stop listening; what was received stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def received(self, study_instance_uid: str | None = None) -> tuple[ReceivedObject, ...]:
        """Return what it holds, of one study or of all, in the order of first arrival."""
        with self._changed:
            held = tuple(self._held.values())
        return tuple(one for one in held if study_instance_uid in {None, one.study_instance_uid})

    def wait_until(
        self, condition: Callable[[tuple[ReceivedObject, ...]], bool], timeout_seconds: float
    ) -> bool:
        """Wait until what it holds fulfils a condition.

        Returns:
            False when the time ran out first.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: condition(tuple(self._held.values())), timeout_seconds
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _application_entity(self) -> AE:
        entity = AE(ae_title=self.ae_title)
        entity.maximum_pdu_size = MAXIMUM_PDU_BYTES
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        entity.add_supported_context(Verification)
        return entity

    def _take(self, event: Event) -> int:
        """Handle a C-STORE request; returns its status."""
        encoded = event.encoded_dataset()
        found = self._describe(encoded)
        if found is None:
            return CANNOT_UNDERSTAND
        found.path.parent.mkdir(exist_ok=True)
        unfinished = found.path.with_suffix(".part")
        unfinished.write_bytes(encoded)
        unfinished.replace(found.path)
        with self._changed:
            self._held[found.sop_instance_uid] = found
            self.stores += 1
            self._changed.notify_all()
        return SUCCESS

    def _describe(self, encoded: bytes) -> ReceivedObject | None:
        """Read who an object is; None when it has no usable UIDs."""
        try:
            header = pydicom.dcmread(
                BytesIO(encoded), stop_before_pixels=True, specific_tags=["StudyInstanceUID"]
            )
        except (InvalidDicomError, EOFError, ValueError, NotImplementedError, RecursionError):
            return None
        study = str(header.get("StudyInstanceUID", ""))
        instance = str(header.file_meta.MediaStorageSOPInstanceUID)
        if not (UID_PATTERN.fullmatch(study) and UID_PATTERN.fullmatch(instance)):
            return None
        sop_class = str(header.file_meta.MediaStorageSOPClassUID)
        return ReceivedObject(study, sop_class, instance, self.folder / study / f"{instance}.dcm")
