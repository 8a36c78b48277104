"""Parts of configuration files, and what they are refused for."""

from __future__ import annotations

import pytest

from triage.errors import SettingsError
from triage.settings import parse_settings

PACS = '[[destinations]]\nname = "pacs"\nae_title = "PACS"\naddress = "10.0.0.5"\nport = 104\n'
MODES = """
[decision]
mode = "promote"
[decision.sites."General  Hospital"]
mode = "shadow"
[decision.sites.CR1]
mode = "demote"
[decision.findings.spondylosis]
mode = "promote"
"""
RECEIVERS = """
[[orthanc_receivers]]
name = "one"
url = "https://pacs.example:8043/orthanc/"
[[ups_receivers]]
name = "two"
ae_title = "UPS"
address = "10.0.0.5"
port = 104
"""


def faults_of(text: str) -> list[str]:
    """Return the faults that a configuration is refused for, one a line."""
    with pytest.raises(SettingsError) as refusal:
        parse_settings(text, "triage.toml")
    head, *faults = str(refusal.value).splitlines()
    assert head.startswith("triage.toml cannot be used")
    return [fault.strip() for fault in faults]
