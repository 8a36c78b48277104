"""Certificate and key of our own: files that cannot be used, and what is told of the others."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.intake.certificates import CLIENT, Authority
from triage.errors import SettingsError
from triage.intake import tls
from triage.intake.tls import describe_certificate, server_context

FILES = ("tls_certificate", "tls_private_key", "tls_authorities")


@pytest.fixture
def logged(monkeypatch):
    """Return the warnings that are logged, in order."""
    warnings = []

    def warning(event, **keys):
        warnings.append({"event": event, **keys})

    monkeypatch.setattr(tls, "_log", SimpleNamespace(warning=warning))
    return warnings


def refusal(settings):
    """Return why settings are refused."""
    with pytest.raises(SettingsError) as refused:
        server_context(settings)
    return str(refused.value)


@pytest.mark.parametrize("key", FILES)
def test_a_missing_file_is_named_with_its_key(settings_with, key, tmp_path):
    nowhere = tmp_path / "nowhere.pem"
    text = refusal(settings_with(**{key: nowhere}))
    assert text.startswith(f"listener.{key}: {nowhere} does not exist; put")


@pytest.mark.parametrize("key", FILES)
def test_a_file_that_is_not_configured_is_named_with_its_key(settings_with, key):
    assert refusal(settings_with(**{key: None})).startswith(f"listener.{key} is needed")


@pytest.mark.parametrize("key", FILES)
def test_a_folder_in_place_of_a_file_is_named(settings_with, key, tmp_path):
    assert f"listener.{key}: {tmp_path} cannot be read" in refusal(settings_with(**{key: tmp_path}))


@pytest.mark.parametrize("key", FILES)
def test_a_file_that_may_not_be_read_says_who_needs_access(settings_with, key, monkeypatch):
    settings = settings_with()
    forbidden = getattr(settings, key)
    open_file = type(forbidden).open

    def refuse(path, *arguments, **keys):
        if path == forbidden:
            raise PermissionError(13, "Permission denied")
        return open_file(path, *arguments, **keys)

    monkeypatch.setattr(type(forbidden), "open", refuse)
    text = refusal(settings)
    assert text.startswith(f"listener.{key}: {forbidden} may not be read by this user")
    assert "chmod 640" in text


@pytest.mark.parametrize("content", ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
@pytest.mark.parametrize("key", FILES)
def test_a_file_that_is_no_pem_is_named_with_the_remedy(settings_with, key, content, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text(content)
    text = refusal(settings_with(**{key: broken}))
    assert text.startswith(f"listener.{key}: {broken} holds no ")
    assert "-inform DER" in text


def test_certificate_and_key_in_each_others_place_are_refused(settings_with, hospital):
    identity = hospital.issue("triage.example")
    text = refusal(
        settings_with(tls_certificate=identity.key, tls_private_key=identity.certificate)
    )
    assert text.startswith(f"listener.tls_certificate: {identity.key} holds no certificate")


def test_a_list_of_revocations_alone_is_no_list_of_authorities(settings_with, hospital, tmp_path):
    listed = tmp_path / "revoked.pem"
    listed.write_bytes(hospital.revoked())
    assert "holds no certificate" in refusal(settings_with(tls_authorities=listed))


@pytest.mark.parametrize("kind", ["elliptic", "rsa"])
def test_a_key_of_another_certificate_is_refused(settings_with, hospital, kind):
    other = hospital.issue("other.example", key=kind)
    text = refusal(settings_with(tls_private_key=other.key))
    assert text.startswith(f"listener.tls_private_key: {other.key} does not belong")


@pytest.mark.parametrize("encoding", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_locked_key_is_refused_without_asking_for_its_passphrase(
    settings_with, hospital, encoding
):
    identity = hospital.issue("triage.example")
    identity.lock(b"secret", encoding)
    text = refusal(settings_with(identity))
    assert text.startswith(f"listener.tls_private_key: {identity.key} is locked")
    assert "openssl pkey" in text


def test_a_weak_certificate_of_our_own_is_refused(settings_with, hospital):
    text = refusal(settings_with(hospital.issue("triage.example", key="weak")))
    assert "cannot be used (ee key too small); the BCP 195 profile asks for" in text


def test_our_certificate_is_described_by_name_and_days_left(settings_with, hospital, logged):
    settings = settings_with(hospital.issue("triage.example", days=(-1, 100.5)))
    found = describe_certificate(settings)
    assert (found.name, found.days_left, found.problem) == ("triage.example", 100, "")
    server_context(settings)
    assert logged == []


def test_our_certificate_is_described_below_an_intermediate_authority(
    settings_with, hospital, tmp_path
):
    identity = Authority(tmp_path, "radiology", parent=hospital).issue("triage.example")
    found = describe_certificate(settings_with(identity))
    assert (found.name, found.problem) == ("triage.example", "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"days": (-9, -1)}, "is refused by peers: certificate has expired; get a new one"),
        ({"days": (1, 9)}, "is refused by peers: certificate is not yet valid; get"),
        ({"usages": [CLIENT]}, "is refused by peers: unsuitable certificate purpose; get"),
        ({"days": (-1, 29.5)}, "expires in 29 days; renew it"),
    ],
    ids=["expired", "not-yet-valid", "for-clients-only", "soon"],
)
def test_a_certificate_that_peers_refuse_is_told_and_logged_and_does_not_stop_the_listener(
    settings_with, hospital, logged, options, why
):
    identity = hospital.issue("triage.example", **options)
    settings = settings_with(identity)
    problem = describe_certificate(settings).problem
    assert problem.startswith(f"listener.tls_certificate: {identity.certificate} {why}")
    assert isinstance(server_context(settings), ssl.SSLContext)
    assert [one["problem"] for one in logged] == [problem]


def test_the_days_left_are_counted_by_the_given_clock(settings_with, hospital):
    settings = settings_with(hospital.issue("triage.example", days=(-1, 60.5)))
    later = datetime.now(UTC) + timedelta(days=31)
    found = describe_certificate(settings, lambda: later)
    assert found.days_left == 29
    assert "expires in 29 days" in found.problem


def test_a_private_key_that_every_user_may_read_is_told(settings_with, hospital):
    identity = hospital.issue("triage.example")
    identity.key.chmod(0o644)
    problem = describe_certificate(settings_with(identity)).problem
    assert problem.startswith(f"listener.tls_private_key: {identity.key} may be read by every user")


def test_a_key_file_of_the_service_alone_is_in_order(settings_with, hospital):
    identity = hospital.issue("triage.example")
    identity.key.chmod(0o600)
    assert describe_certificate(settings_with(identity)).problem == ""
