"""The configuration file: what is read, what is refused, and how it is said."""

from __future__ import annotations

import dataclasses
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import SettingsError
from triage.settings import (
    Destination,
    FindingMode,
    Peer,
    Settings,
    SiteMode,
    UnknownSopClasses,
    default_settings,
    example_toml,
    load_settings,
    parse_settings,
    receiver_names,
    render_toml,
)
from triage.values import Mode

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  as text: nothing listens here
TLS = (
    'tls_port = 2762\ntls_certificate = "/srv/own.pem"\ntls_private_key = "/srv/own.key"\n'
    'tls_authorities = "/srv/authorities.pem"\n'
)
PACS = '[[destinations]]\nname = "pacs"\nae_title = "PACS"\naddress = "10.0.0.5"\nport = 104\n'


def faults_of(text: str) -> list[str]:
    """Return the faults that a configuration is refused for, one a line."""
    with pytest.raises(SettingsError) as refusal:
        parse_settings(text, "triage.toml")
    head, *faults = str(refusal.value).splitlines()
    assert head.startswith("triage.toml cannot be used")
    return [fault.strip() for fault in faults]


def all_keys() -> dict[str, tuple[str, dataclasses.Field]]:
    """Return every key by its dotted name, with the header of its table."""
    keys = {}
    for field in dataclasses.fields(Settings):
        section = field.metadata.get("section")
        if section is None:
            keys[field.name] = ("", field)
            continue
        header = f"[[{field.name}]]" if field.default == () else f"[{field.name}]"
        for key in dataclasses.fields(section):
            if "named" in key.metadata:
                keys |= named_keys(f"{field.name}.{key.name}", key.metadata["section"])
            else:
                keys[f"{field.name}.{key.name}"] = (header, key)
    return keys


def named_keys(where: str, section: type) -> dict[str, tuple[str, dataclasses.Field]]:
    """Return the keys of tables that are headed by a name, with the header in the example."""
    names = {"decision.sites": "GENERAL HOSPITAL", "decision.findings": "spondylosis"}
    header = f'[{where}."{names[where]}"]'
    return {f"{where}.{key.name}": (header, key) for key in dataclasses.fields(section)[1:]}


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


def test_destinations_need_names_of_their_own_whatever_the_case():
    (fault,) = faults_of(PACS + PACS.replace("pacs", "PACS").replace("10.0.0.5", "10.0.0.6"))
    assert fault.startswith("destinations[2].name: ")


def test_the_same_pacs_under_two_names_is_refused():
    (fault,) = faults_of(PACS + PACS.replace('"pacs"', '"archive"'))
    assert fault.startswith("destinations[2].address: is the same PACS as destinations[1]")


@pytest.mark.parametrize(
    ("other", "same"), [(('"A"', '"B"'), "name"), (('"a"', '"b"'), "ae_title")]
)
def test_peers_are_told_apart_by_name_and_by_ae_title(other, same):
    one = '[[peers]]\nname = "a"\nae_title = "A"\naddress = "10.0.0.5"\nport = 104\n'
    (fault,) = faults_of(one + one.replace(*other))
    assert fault.startswith(f"peers[2].{same}: ")


@pytest.mark.parametrize(
    ("listening", "called", "loops"),
    [
        (ANY_ADDRESS, "127.0.0.1", True),
        (ANY_ADDRESS, "localhost", True),
        ("::", "::1", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("triage.example", "TRIAGE.example", True),
        ("192.168.1.5", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.2", False),
        (ANY_ADDRESS, "192.168.1.5", False),
        (ANY_ADDRESS, "pacs.example", False),
    ],
)
def test_a_destination_that_is_our_own_listener_is_refused_as_a_loop(listening, called, loops):
    text = f'[listener]\naddress = "{listening}"\nport = 104\n' + PACS.replace("10.0.0.5", called)
    if not loops:
        assert parse_settings(text, "triage.toml").destinations[0].address == called
        return
    (fault,) = faults_of(text)
    assert fault.startswith("destinations[1].port: ")
    assert "own listener" in fault


def test_listener_and_page_on_one_port_are_refused():
    (fault,) = faults_of("[listener]\nport = 8080\n")
    assert fault.startswith("web.port: 8080 is the listener's port too")


def test_any_free_port_is_no_clash():
    settings = parse_settings("[listener]\nport = 0\n[web]\nport = 0\n", "triage.toml")
    assert settings.listener.port == settings.web.port == 0


def test_a_port_with_tls_beside_the_one_without_is_allowed():
    settings = parse_settings(f"[listener]\n{TLS}", "triage.toml")
    assert settings.listener.tls_port == 2762
    assert settings.listener.accept_without_tls


def test_a_listener_without_any_port_is_refused():
    (fault,) = faults_of("[listener]\naccept_without_tls = false\n")
    assert fault.startswith("listener.accept_without_tls: false without tls_port leaves no port")


@pytest.mark.parametrize("key", ["tls_certificate", "tls_private_key", "tls_authorities"])
def test_tls_without_one_of_its_files_is_refused(key):
    (fault,) = faults_of("[listener]\n" + re.sub(f"{key} = .*\n", "", TLS))
    assert fault == f"listener.{key}: is needed with tls_port; name the PEM file"


def test_tls_without_client_certificates_needs_no_authorities():
    text = re.sub("tls_authorities = .*\n", "tls_client_certificates = false\n", TLS)
    assert parse_settings(f"[listener]\n{text}", "triage.toml").listener.tls_authorities is None


def test_files_for_tls_without_its_port_are_refused_rather_than_left_unused():
    faults = faults_of("[listener]\n" + TLS.replace("2762", "0"))
    assert [fault.split(": ")[0] for fault in faults] == [
        "listener.tls_certificate",
        "listener.tls_private_key",
        "listener.tls_authorities",
    ]
    assert all("there is none without tls_port" in fault for fault in faults)


def test_one_port_with_and_without_tls_is_refused():
    (fault,) = faults_of(f"[listener]\nport = 2762\n{TLS}")
    assert fault.startswith("listener.tls_port: 2762 is the port without TLS")


def test_where_every_peer_speaks_tls_its_port_may_be_the_one_that_was_without():
    text = f"[listener]\nport = 2762\naccept_without_tls = false\n{TLS}"
    assert not parse_settings(text, "triage.toml").listener.accept_without_tls


@pytest.mark.parametrize(
    ("listening", "page", "clashes"),
    [
        (ANY_ADDRESS, "127.0.0.1", True),
        ("127.0.0.1", ANY_ADDRESS, True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.5", "127.0.0.1", False),
    ],
)
def test_the_page_on_the_port_with_tls_is_refused_where_their_addresses_meet(
    listening, page, clashes
):
    text = f'[listener]\naddress = "{listening}"\n{TLS}[web]\naddress = "{page}"\nport = 2762\n'
    if not clashes:
        assert parse_settings(text, "triage.toml").web.port == 2762
        return
    (fault,) = faults_of(text)
    assert fault.startswith("web.port: 2762 is the listener's tls_port too")


def test_the_page_may_have_the_port_that_is_closed_without_tls():
    text = f"[listener]\nport = 8080\naccept_without_tls = false\n{TLS}[web]\nport = 8080\n"
    assert parse_settings(text, "triage.toml").web.port == 8080


def test_a_destination_that_is_our_own_port_with_tls_is_refused_as_a_loop():
    pacs = PACS.replace("10.0.0.5", "localhost").replace("= 104", "= 2762")
    (fault,) = faults_of(f"[listener]\n{TLS}{pacs}")
    assert fault.startswith("destinations[1].port: localhost port 2762 is this system's own")


def test_a_destination_on_a_port_that_is_closed_without_tls_is_no_loop():
    pacs = PACS.replace("10.0.0.5", "localhost")
    text = f"[listener]\nport = 104\naccept_without_tls = false\n{TLS}{pacs}"
    assert parse_settings(text, "triage.toml").destinations[0].port == 104


@pytest.mark.parametrize("wrong", ["tls_port = 70000\n", 'tls_certificat = "/srv/own.pem"\n'])
def test_a_fault_of_tls_is_not_followed_by_those_that_it_causes(wrong):
    text = re.sub(f"{wrong.split('=')[0].strip()}.* = .*\n", wrong, TLS)
    (fault,) = faults_of(f"[listener]\naccept_without_tls = false\n{text}")
    assert fault.startswith(f"listener.{wrong.split(' ')[0]}: ")


def test_a_syntax_error_is_named_with_its_line():
    with pytest.raises(SettingsError, match=r"triage.toml is not TOML: .*line 2"):
        parse_settings("[listener]\nport =\n", "triage.toml")


def test_a_long_refused_value_is_shortened_and_kept_on_its_line():
    (fault,) = faults_of('[worker]\ndevice = "' + "x\\n" * 500 + '"')
    assert len(fault) < 200


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(SettingsError, match=r"no such file\. Copy triage\.example\.toml"):
        load_settings(tmp_path / "triage.toml")


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"is a folder\. Name the file in it"):
        load_settings(tmp_path)


def test_a_file_that_may_not_be_read_says_who_needs_access(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingsError, match=r"may not be read by this user.*chmod 640"):
        load_settings(tmp_path / "triage.toml")


def test_a_file_that_cannot_be_read_for_another_reason_says_which(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be read: Not a directory"):
        load_settings(tmp_path / "file" / "triage.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "triage.toml").write_bytes("# Zürich".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"is not UTF-8 text \(byte 3\)"):
        load_settings(tmp_path / "triage.toml")


def test_the_byte_order_mark_of_some_editors_is_accepted(tmp_path):
    (tmp_path / "triage.toml").write_bytes(b"\xef\xbb\xbf[web]\nport = 9\n")
    assert load_settings(tmp_path / "triage.toml").web.port == 9


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


def test_receivers_are_read_and_named_in_order():
    settings = parse_settings(RECEIVERS, "triage.toml")
    assert settings.orthanc_receivers[0].url == "https://pacs.example:8043/orthanc"
    assert [name for _, name in receiver_names(settings)] == ["one", "two"]


def test_two_receivers_of_one_name_are_refused_whatever_their_kind():
    (fault,) = faults_of(RECEIVERS.replace('"two"', '"One"'))
    assert fault.startswith('ups_receivers[1].name: "One" is the name of orthanc_receivers[1] too')


def test_a_ups_receiver_that_is_our_own_listener_is_refused():
    text = RECEIVERS.replace("10.0.0.5", "localhost") + "[listener]\nport = 104\n"
    (fault,) = faults_of(text)
    assert fault.startswith("ups_receivers[1].port: ")
    assert "own listener" in fault


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


def test_settings_are_written_and_read_back_the_same(tmp_path):
    settings = dataclasses.replace(
        default_settings(tmp_path / 'quote " and \\ and ü 🦴'),
        listener=dataclasses.replace(
            Settings().listener,
            calling_ae_titles=("CT1", "CR 2"),
            calling_addresses=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
            unknown_sop_classes=UnknownSopClasses.REFUSE,
        ),
        studies=dataclasses.replace(Settings().studies, quiet_seconds=0.1 + 0.2),
        worker=dataclasses.replace(Settings().worker, bundle=tmp_path),
        destinations=(
            Destination("a", "A", "10.0.0.1", 104),
            Destination("b", "B", "b.example", 4242, "ME"),
        ),
        decision=parse_settings(MODES, "modes").decision,
        orthanc_receivers=parse_settings(RECEIVERS, "receivers").orthanc_receivers,
    )
    assert parse_settings(render_toml(settings), "written") == settings


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_path_is_written_and_read_back_the_same(name):
    settings = default_settings(Path("/srv") / name.lstrip("/"))
    assert parse_settings(render_toml(settings), "written") == settings


@given(st.text(max_size=200))
def test_any_text_gives_settings_or_a_settings_error(text):
    try:
        settings = parse_settings(text, "triage.toml")
    except SettingsError:
        return
    assert isinstance(settings, Settings)


_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_value_of_any_key_is_read_or_refused(data):
    _, key = all_keys()[data.draw(st.sampled_from(sorted(all_keys())))]
    rule = key.metadata["rule"]
    try:
        value = rule.read(data.draw(_VALUES))
    except ValueError:
        return
    assert not isinstance(value, list | dict)


def test_the_example_is_the_one_that_the_table_of_settings_writes(root):
    text = (root / "deploy" / "triage.example.toml").read_text()
    assert text == example_toml(), (
        "write it anew: python -c 'from triage.settings import example_toml as text; "
        'print(text(), end="")\' > deploy/triage.example.toml'
    )


def test_the_example_loads_and_changes_nothing(root):
    assert load_settings(root / "deploy" / "triage.example.toml") == Settings()


@pytest.mark.parametrize("dotted", all_keys())
def test_the_example_documents_every_key_with_its_default(root, dotted):
    header, key = all_keys()[dotted]
    lines = (root / "deploy" / "triage.example.toml").read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if line.lstrip("#") == header), 0)
    assert not header or lines[start].lstrip("#") == header
    there = next(i for i in range(start, len(lines)) if lines[i].startswith(f"#{key.name} = "))
    assert lines[there - 1].startswith("# ")
    assert key.metadata["description"].split()[0] in " ".join(lines[max(start, there - 5) : there])


def test_the_example_with_every_key_set_is_the_defaults_and_one_of_each_table(root):
    text = (root / "deploy" / "triage.example.toml").read_text()
    settings = parse_settings(re.sub(r"(?m)^#(?=\S)", "", text), "example")
    assert settings.destinations == (Destination("pacs", "PACS", "pacs.hospital.example", 104),)
    assert settings.peers == (Peer("viewer", "VIEWER", "viewer.hospital.example", 11115),)
    assert settings.decision.sites == (SiteMode("GENERAL HOSPITAL", Mode.SHADOW),)
    assert settings.decision.findings == (FindingMode("spondylosis", Mode.PROMOTE),)
    examples = [field.name for field in dataclasses.fields(Settings) if field.default == ()]
    assert all(len(getattr(settings, name)) == 1 for name in examples)
    plain = dataclasses.replace(settings.decision, sites=(), findings=())
    emptied = dict.fromkeys(examples, ())
    assert dataclasses.replace(settings, decision=plain, **emptied) == Settings()


@pytest.mark.parametrize("dotted", all_keys())
def test_every_key_says_what_it_is_for_and_what_is_allowed(dotted):
    _, key = all_keys()[dotted]
    assert key.metadata["description"].endswith(".")
    assert key.metadata["rule"].allowed


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('tls_certificate = "/srv/page.pem"', "web.tls_private_key"),
        ('tls_private_key = "/srv/page.key"', "web.tls_certificate"),
        ('proxy_user_header = "X-Remote-User"', "web.proxy_user_header"),
        ('proxy_roles_header = "X-Roles"', "web.proxy_roles_header"),
        ('proxy_user_header = "X Remote"', "web.proxy_user_header"),
        ('host_names = ["a b"]', "web.host_names"),
    ],
)
def test_settings_of_the_page_that_would_open_it_by_half_are_refused(text, key):
    (fault,) = faults_of(f"[web]\n{text}\n")
    assert fault.startswith(f"{key}: ")


def test_a_page_behind_a_proxy_is_read():
    text = '[web]\ntrusted_proxies = ["10.0.0.0/8"]\nproxy_user_header = "X-Remote-User"\n'
    web = parse_settings(text, "triage.toml").web
    assert web.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert web.proxy_user_header == "X-Remote-User"
