"""Which sources can stand in an Image Library (PS3.16 TID 1600 with TID 1602 and 1603)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from triage.report.inherited import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.report.source import SourceHeader

_RADIOGRAPHS = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    )
)


def library_headers(sources: Sequence[SourceHeader]) -> list[Dataset]:
    """Clean headers for the Image Library of a report.

    TID 1603 asks for orientation and spacing, which computed radiography often lacks. A library
    that names some of the images would mislead, so that it is all of them or none.

    Returns:
        One header for each source, or an empty list.
    """
    entries = [_entry(source) for source in sources]
    complete = [entry for entry in entries if entry is not None]
    return complete if len(complete) == len(entries) else []


def _entry(source: SourceHeader) -> Dataset | None:
    orientation = source.texts("PatientOrientation", 2)
    spacing = source.numbers("ImagerPixelSpacing", 2)
    rows, columns = source.numbers("Rows", 1), source.numbers("Columns", 1)
    radiograph = source.value("SOPClassUID") in _RADIOGRAPHS
    if not (radiograph and orientation and spacing and rows and columns):
        return None
    entry = Dataset()
    entry.Modality = "DX"  # for highdicom: a radiograph; it writes what the SOP Class says
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        put(entry, keyword, source.value(keyword))
    put(entry, "PatientOrientation", list(orientation))
    entry.ImagerPixelSpacing = [round(millimetres, 6) for millimetres in spacing]
    entry.Rows, entry.Columns = int(rows[0]), int(columns[0])
    return entry
