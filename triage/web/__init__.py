"""The worklist page, JSON beside it, health and metrics: everything that speaks HTTP."""

from triage.web.algorithm import Algorithm
from triage.web.app import create_app
from triage.web.server import run

__all__ = ["Algorithm", "create_app", "run"]
