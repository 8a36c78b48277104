"""The example documents every key, and is what the table of settings writes."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.settings import (
    Destination,
    FindingMode,
    Peer,
    Settings,
    SiteMode,
    example_toml,
    load_settings,
    parse_settings,
)
from triage.values import Mode


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
