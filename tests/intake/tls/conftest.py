"""A hospital that issues certificates, and the settings of a listener that shows one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.intake.certificates import Authority
from triage.settings import ListenerSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.intake.certificates import Identity


@pytest.fixture
def hospital(tmp_path: Path) -> Authority:
    """Return the authority that vouches for everybody who may call."""
    return Authority(tmp_path, "hospital")


@pytest.fixture
def settings_with(hospital: Authority) -> Callable[..., ListenerSettings]:
    """Return a function that makes settings with TLS; keywords replace them."""

    def make(identity: Identity | None = None, **listening: object) -> ListenerSettings:
        identity = identity or hospital.issue("triage.example")
        files = {
            "tls_certificate": identity.certificate,
            "tls_private_key": identity.key,
            "tls_authorities": hospital.file,
        }
        return dataclasses.replace(ListenerSettings(tls_port=2762), **{**files, **listening})

    return make
