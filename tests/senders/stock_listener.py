"""`triage`, where pynetdicom is not as it was known: the listener then takes the stock path."""

from __future__ import annotations

import sys

from triage import cli
from triage.intake import listener

if __name__ == "__main__":
    listener.changed_parts = lambda: ("everything",)
    sys.exit(cli.main())
