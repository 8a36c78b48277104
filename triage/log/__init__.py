"""The log: JSON lines by structlog, through a filter that keeps patient data out.

An event is a constant text; what it is about stands in keys, and a key must be in the table
of `allowed`. Exceptions lose their messages unless they are ours; what libraries log loses its
text unless it is known to be harmless.
"""

from triage.log.allowed import ALLOWED_KEYS, DROPPED
from triage.log.setup import configure, get_logger

__all__ = ["ALLOWED_KEYS", "DROPPED", "configure", "get_logger"]
