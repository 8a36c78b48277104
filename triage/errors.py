"""The errors of the program: one root, and for each whether trying again can help."""

from __future__ import annotations


class TriageError(Exception):
    """Root of every error that the program raises on purpose; the message says what to do."""


class TransientError(TriageError):
    """Trying again later may succeed: a peer is away, a disk is full, a device is out of memory."""


class PermanentError(TriageError):
    """Trying again with the same input fails again: the input itself must change."""


class SettingsError(PermanentError):
    """The configuration is wrong; the message names the key, the fault and the remedy."""


class StoreError(PermanentError):
    """The state folder or its database cannot be used as it is."""


class HeaderError(PermanentError):
    """A DICOM data set cannot be understood far enough to be kept (status C000)."""


class PixelError(PermanentError):
    """The pixels of an image cannot be decoded, or must not be (too large, too short)."""


class BundleError(PermanentError):
    """A model bundle is missing, damaged, or of a schema that this program does not know."""


class ReportError(PermanentError):
    """A report cannot be written for a study."""


class DeliveryError(TransientError):
    """A destination did not take an object this time."""


class DeliveryRefusedError(PermanentError):
    """What was to be delivered cannot be, however often it is tried."""


class MessageError(PermanentError):
    """A received HL7 message cannot be understood (answered with AR).

    Attributes:
        code: What is wrong, by HL7 table 0357: "101" for a required field that is missing.
        at: Where, as ERR-2 has it: "MSH^1^9"; empty where no one field is at fault.
    """

    def __init__(self, problem: str, *, code: str = "100", at: str = "") -> None:
        super().__init__(problem)
        self.code = code
        self.at = at
