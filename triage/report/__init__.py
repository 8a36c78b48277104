"""Structured Reports (TID 1500) of what the program found out about a study; no I/O."""

from triage.report.document import as_comprehensive, build_report, write_part10
from triage.report.request import PredecessorReference, ReportRequest

__all__ = [
    "PredecessorReference",
    "ReportRequest",
    "as_comprehensive",
    "build_report",
    "write_part10",
]
