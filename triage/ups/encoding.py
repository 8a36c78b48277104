"""Work items as the bytes of their data sets, in the encoding of an association. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import UID
from pynetdicom.dsutils import encode

from triage.errors import PermanentError
from triage.worklist.texts import TextItem, dataset_of, encoded, is_encoded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def encoded_item(item: Dataset | TextItem, transfer_syntax_uid: str) -> bytes:
    """Return a work item as bytes.

    Args:
        item: The item.
        transfer_syntax_uid: Any that the library knows how to write.

    Raises:
        PermanentError: It has something that cannot be written.
    """
    if isinstance(item, TextItem):
        if is_encoded(transfer_syntax_uid):
            return encoded(item, transfer_syntax_uid)
        item = dataset_of(item)
    syntax = UID(transfer_syntax_uid)
    found = encode(item, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if not found:
        raise PermanentError("a work item cannot be encoded")
    return found
