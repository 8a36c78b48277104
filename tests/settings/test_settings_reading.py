"""What the configuration file says, what is refused in it, and how that is said."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.settings.files import MODES, PACS, RECEIVERS, faults_of
from triage.errors import SettingsError
from triage.settings import (
    Destination,
    FindingMode,
    Settings,
    SiteMode,
    UnknownSopClasses,
    parse_settings,
    receiver_names,
)
from triage.values import Mode


def test_an_empty_file_gives_the_defaults():
    assert parse_settings("", "triage.toml") == Settings()


def test_values_arrive_in_the_types_of_the_settings():
    settings = parse_settings(
        'state_folder = "/srv/triage"\n'
        '[listener]\nae_title = " CSPINE "\ncalling_addresses = ["10.1.0.0/16", "::1"]\n'
        'unknown_sop_classes = "refuse"\n'
        "[studies]\nquiet_seconds = 3\n"
        '[eligibility]\nbody_parts = ["cspine", "c   spine"]\n'
        '[worker]\nbundle = "/srv/bundle"\n'
        '[decision]\nmode = "demote"\n' + PACS,
        "triage.toml",
    )
    assert settings.state_folder == Path("/srv/triage")
    assert settings.listener.ae_title == "CSPINE"
    assert settings.listener.calling_addresses == (ip_network("10.1.0.0/16"), ip_network("::1"))
    assert settings.listener.unknown_sop_classes is UnknownSopClasses.REFUSE
    assert isinstance(settings.studies.quiet_seconds, float)
    assert settings.eligibility.body_parts == ("CSPINE", "C SPINE")
    assert settings.worker.bundle == Path("/srv/bundle")
    assert settings.decision.mode is Mode.DEMOTE
    assert settings.destinations == (Destination("pacs", "PACS", "10.0.0.5", 104),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[listener]\nprot = 1", "listener.prot: there is no such key in [listener]; .* port"),
        ("[lisener]\nport = 1", "lisener: there is no such table; .* listener"),
        ('state_foldr = "/x"', "state_foldr: there is no such key; .* state_folder"),
        ("[zzz]", "zzz: there is no such table; remove it"),
        ("[[destination]]", "destination: there is no such table; .* destinations"),
        (PACS + "prot = 1", r"destinations\[1\].prot: .* in \[destinations\[1\]\]; .* port"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(text, fault):
    (found,) = faults_of(text)
    assert re.fullmatch(fault.replace("in [listener]", r"in \[listener\]"), found)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("listener", "ae_title", '""'),
        ("listener", "ae_title", '"     "'),
        ("listener", "ae_title", '"SEVENTEEN_LETTERS"'),
        ("listener", "ae_title", "'BACK\\SLASH'"),
        ("listener", "ae_title", '"TAB\\t"'),
        ("listener", "ae_title", '"ÄE"'),
        ("listener", "ae_title", "7"),
        ("listener", "address", '"300.1.1.1"'),
        ("listener", "address", '"no host"'),
        ("listener", "address", '""'),
        ("listener", "port", "65536"),
        ("listener", "port", "-1"),
        ("listener", "port", "true"),
        ("listener", "port", "104.0"),
        ("listener", "port", '"104"'),
        ("listener", "check_called_ae_title", "1"),
        ("listener", "check_called_ae_title", '"yes"'),
        ("listener", "calling_ae_titles", '"CT1"'),
        ("listener", "calling_ae_titles", '["CT1", "CT1"]'),
        ("listener", "calling_ae_titles", '["CT1", 2]'),
        ("listener", "calling_addresses", '["10.1.2.3/8"]'),
        ("listener", "calling_addresses", '["ten"]'),
        ("listener", "network_timeout_seconds", "0"),
        ("listener", "unknown_sop_classes", '"KEEP"'),
        ("studies", "quiet_seconds", "nan"),
        ("studies", "quiet_seconds", "inf"),
        ("studies", "quiet_seconds", "true"),
        ("studies", "quiet_seconds", "1979-05-27"),
        ("eligibility", "modalities", "[]"),
        ("eligibility", "body_parts", '[""]'),
        ("worker", "device", '"gpu"'),
        ("worker", "bundle", '"bundles/mine"'),
        ("worker", "batch_size", "0"),
        ("decision", "mode", '"lower"'),
        ("decision", "mode", '["shadow"]'),
        ("decision", "undemoted_share", "1.01"),
        ("worklist", "label", '"a\\u0007b"'),
        ("web", "port", "99999"),
        ("log", "level", '"verbose"'),
        ("log", "folder", '"logs"'),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(section, key, value):
    (fault,) = faults_of(f"[{section}]\n{key} = {value}")
    assert fault.startswith(f"{section}.{key}: ")
    assert " is refused; allowed is " in fault


def test_all_faults_are_reported_at_once():
    faults = faults_of(
        'state_folder = "relative"\nlistner = 1\n[listener]\nport = "x"\nae_title = ""\n'
        "[delivery]\nfirst_retry_seconds = 900\n[[destinations]]\nport = 0\n"
    )
    assert [fault.split(": ")[0] for fault in faults] == [
        "state_folder",
        "listner",
        "listener.port",
        "listener.ae_title",
        "destinations[1].port",
        "destinations[1].name",
        "destinations[1].ae_title",
        "destinations[1].address",
        "delivery.first_retry_seconds",
    ]


def test_a_fault_is_not_followed_by_one_that_only_its_default_causes():
    faults = faults_of("[delivery]\nfirst_retry_seconds = 900\nmaximum_retry_seconds = true\n")
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("listener = 3", "listener: write it as a table, headed [listener]"),
        ("destinations = 3", "destinations: write it as tables, each headed [[destinations]]"),
        ("[destinations]", "destinations: write it as tables, each headed [[destinations]]"),
        ("[state_folder]", "state_folder: {} is refused; allowed is an absolute path"),
    ],
)
def test_a_table_of_the_wrong_shape_is_refused(text, fault):
    (found,) = faults_of(text)
    assert found.startswith(fault)


def test_a_syntax_error_is_named_with_its_line():
    with pytest.raises(SettingsError, match=r"triage.toml is not TOML: .*line 2"):
        parse_settings("[listener]\nport =\n", "triage.toml")


def test_a_long_refused_value_is_shortened_and_kept_on_its_line():
    (fault,) = faults_of('[worker]\ndevice = "' + "x\\n" * 500 + '"')
    assert len(fault) < 200


def test_sites_and_findings_have_modes_of_their_own():
    decision = parse_settings(MODES, "triage.toml").decision
    assert decision.mode is Mode.PROMOTE
    assert decision.sites == (
        SiteMode("GENERAL HOSPITAL", Mode.SHADOW),
        SiteMode("CR1", Mode.DEMOTE),
    )
    assert decision.findings == (FindingMode("spondylosis", Mode.PROMOTE),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[decision.sites.X]\nmode = "raise"', r'decision\.sites\."X"\.mode: "raise" is refused.*'),
        ("[decision.sites.X]", r'decision\.sites\."X"\.mode: is missing; .*'),
        ('[decision.sites.X]\nmod = "shadow"\nmode = "shadow"', r".*nearest known one is mode"),
        ('[decision.sites.X]\nname = "Y"\nmode = "shadow"', r".*\.name: there is no such key.*"),
        ('[decision]\nsites = "X"', r'decision\.sites: write it as tables, .*sites\."NAME"\]'),
        ("[decision.sites]\nX = 1", r"decision\.sites: write it as tables, .*"),
        ('[decision.findings."Big One"]\nmode = "shadow"', r".*allowed is the name of a finding.*"),
        (
            '[decision.sites.x]\nmode = "shadow"\n[decision.sites.X]\nmode = "demote"',
            r'decision\.sites: "X" stands there twice .*',
        ),
    ],
)
def test_a_wrong_mode_of_a_site_or_a_finding_is_refused_by_name(text, fault):
    (found,) = faults_of(text)
    assert re.fullmatch(fault, found)


def test_receivers_are_read_and_named_in_order():
    settings = parse_settings(RECEIVERS, "triage.toml")
    assert settings.orthanc_receivers[0].url == "https://pacs.example:8043/orthanc"
    assert [name for _, name in receiver_names(settings)] == ["one", "two"]


@pytest.mark.parametrize(
    "url",
    [
        "pacs.example",
        "ftp://pacs.example",
        "http://",
        "http://user:secret@pacs.example",
        "http://pacs.example:99999",
        "http://pacs.example/?a=b",
        "http://a b",
    ],
)
def test_an_address_that_is_no_http_service_is_refused_and_a_password_in_it_too(url):
    (fault,) = faults_of(RECEIVERS.replace("https://pacs.example:8043/orthanc/", url))
    assert fault.startswith("orthanc_receivers[1].url: ")


def test_a_page_behind_a_proxy_is_read():
    text = '[web]\ntrusted_proxies = ["10.0.0.0/8"]\nproxy_user_header = "X-Remote-User"\n'
    web = parse_settings(text, "triage.toml").web
    assert web.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert web.proxy_user_header == "X-Remote-User"
