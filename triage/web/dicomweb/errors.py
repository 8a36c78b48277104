"""What makes a DICOMweb request impossible to answer, with the HTTP status that says so."""

from __future__ import annotations

from triage.errors import PermanentError


class RequestError(PermanentError):
    """A request cannot be answered as it is; the message names what to change, never a value.

    Attributes:
        status: The HTTP status, as PS3.18 section 8.5 has it.
    """

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status
