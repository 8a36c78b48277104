"""Who may use the page: log-in, roles, and what keeps other sites' pages out."""

from triage.web.access.control import AccessControl
from triage.web.access.gate import Gate
from triage.web.access.login import form_of, log_in, log_out, show
from triage.web.access.who import (
    AccessFacts,
    Means,
    Who,
    access_facts,
    csrf_token,
    require,
    who_asks,
)

__all__ = [
    "AccessControl",
    "AccessFacts",
    "Gate",
    "Means",
    "Who",
    "access_facts",
    "csrf_token",
    "form_of",
    "log_in",
    "log_out",
    "require",
    "show",
    "who_asks",
]
