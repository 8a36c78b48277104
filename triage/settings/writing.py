"""From settings to TOML: for the demonstration's own daemon, and for the documented example."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from dataclasses import Field
from enum import Enum
from typing import TYPE_CHECKING, Any

from triage.settings.decision import FindingMode, SiteMode
from triage.settings.delivery import Destination, Peer
from triage.settings.hl7 import Hl7Receiver
from triage.settings.receiving import ModalityWorklist, OrthancReceiver, UpsReceiver
from triage.settings.sections import Settings
from triage.values import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import DataclassInstance

    from triage.settings.rules import Rule

_LINE = 92  # columns of a comment in the example

_EXAMPLE_HEAD = """\
Configuration of cspine-triage. Copy it to /etc/cspine-triage/triage.toml and change what
differs at your site: every key is here with its default, commented out. `triage check` says
whether a file is right; unknown keys and wrong values are refused by name before anything
starts. A change takes effect when the service is restarted."""

# What stands in the example of a table that a site may have several of, or none.
_EXAMPLES: Mapping[type[Any], DataclassInstance] = {
    type(one): one
    for one in (
        SiteMode(name="GENERAL HOSPITAL", mode=Mode.SHADOW),
        FindingMode(name="spondylosis", mode=Mode.PROMOTE),
        Destination(name="pacs", ae_title="PACS", address="pacs.hospital.example", port=104),
        OrthancReceiver(name="orthanc", url="http://orthanc.hospital.example:8042"),
        UpsReceiver(name="manager", ae_title="UPS", address="ups.hospital.example", port=104),
        ModalityWorklist(name="ris", ae_title="RIS", address="ris.hospital.example", port=104),
        Hl7Receiver(name="ris", address="ris.hospital.example", port=2575),
        Peer(name="viewer", ae_title="VIEWER", address="viewer.hospital.example", port=11115),
    )
}


def render_toml(settings: Settings) -> str:
    """Write settings as a configuration file that reads back as the same settings."""
    lines: list[str] = []
    for key in dataclasses.fields(settings):
        value = getattr(settings, key.name)
        if "rule" in key.metadata:
            lines.append(_assignment(key, value))
        elif isinstance(value, tuple):
            for table in value:
                lines += ["", f"[[{key.name}]]", *_assignments(table)]
        else:
            lines += ["", f"[{key.name}]", *_assignments(value), *_named_tables(key.name, value)]
    return "\n".join(lines) + "\n"


def example_toml() -> str:
    """Write the documented example: every key with description, rule and default."""
    settings = Settings()
    lines = _comment(_EXAMPLE_HEAD)
    for key in dataclasses.fields(settings):
        value = getattr(settings, key.name)
        if "rule" in key.metadata:
            lines += ["", *_documented(key, value)]
        elif isinstance(value, tuple):
            lines += ["", "", *_comment(key.metadata["description"]), f"#[[{key.name}]]"]
            lines += _documented_table(_EXAMPLES[key.metadata["section"]])
        else:
            lines += ["", "", *_comment(key.metadata["description"]), f"[{key.name}]"]
            lines += _documented_table(value)
            lines += _documented_named_tables(key.name, value)
    return "\n".join(lines) + "\n"


def _assignments(table: DataclassInstance) -> Iterator[str]:
    return (_assignment(key, getattr(table, key.name)) for key in _plain_keys(table))


def _named_tables(where: str, table: DataclassInstance) -> Iterator[str]:
    """Write the tables within a table that are headed by a name each."""
    for key in _named_keys(table):
        for one in getattr(table, key.name):
            name, *keys = dataclasses.fields(one)
            yield ""
            yield f"[{where}.{key.name}.{_toml(getattr(one, name.name))}]"
            yield from (_assignment(each, getattr(one, each.name)) for each in keys)


def _documented_table(table: DataclassInstance) -> Iterator[str]:
    for key in _plain_keys(table):
        yield ""
        yield from _documented(key, getattr(table, key.name))


def _documented_named_tables(where: str, table: DataclassInstance) -> Iterator[str]:
    for key in _named_keys(table):
        example = _EXAMPLES[key.metadata["section"]]
        name, *keys = dataclasses.fields(example)
        yield from ["", "", *_comment(key.metadata["description"])]
        yield f"#[{where}.{key.name}.{_toml(getattr(example, name.name))}]"
        for each in keys:
            yield ""
            yield from _documented(each, getattr(example, each.name))


def _plain_keys(table: DataclassInstance) -> list[Field[Any]]:
    return [key for key in dataclasses.fields(table) if "rule" in key.metadata]


def _named_keys(table: DataclassInstance) -> list[Field[Any]]:
    return [key for key in dataclasses.fields(table) if "named" in key.metadata]


def _documented(key: Field[Any], value: object) -> list[str]:
    rule: Rule = key.metadata["rule"]
    text = f"{key.metadata['description']} Allowed: {rule.allowed}."
    return [*_comment(text), f"#{_assignment(key, value)}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text, _LINE, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _assignment(key: Field[Any], value: object) -> str:
    return f"{key.name} = {_toml(value)}"


def _toml(value: object) -> str:
    """Write one value; JSON's strings, numbers and booleans are TOML's too."""
    if value is None:
        return '""'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(element) for element in value) + "]"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
