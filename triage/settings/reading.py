"""From TOML text to settings: every fault is found in one pass and named with its remedy."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import MISSING, Field, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from triage.errors import SettingsError
from triage.settings.relations import Fault, faults_between
from triage.settings.rules import RefusedError, Rule
from triage.settings.sections import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from _typeshed import DataclassInstance

_Section = TypeVar("_Section", bound="DataclassInstance")
_LONGEST_SHOWN = 60  # characters of a refused value that the message repeats


def load_settings(path: Path) -> Settings:
    """Read the configuration file of a site.

    Args:
        path: The TOML file.

    Returns:
        The settings, all checked.

    Raises:
        SettingsError: The file cannot be read, or anything in it is wrong.
    """
    return parse_settings(_read_text(path), str(path))


def parse_settings(text: str, source: str) -> Settings:
    """Read a configuration from its text.

    Args:
        text: TOML.
        source: Where the text comes from, for messages.

    Returns:
        The settings, all checked.

    Raises:
        SettingsError: The text is not TOML, or has faults; all of them are listed.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not TOML: {error}. Mend that line.") from error
    reading = _Reading()
    settings = reading.document(document)
    reading.faults.extend(faults_between(settings, {fault.key for fault in reading.faults}))
    if reading.faults:
        lines = "".join(f"\n  {fault.key}: {fault.text}" for fault in reading.faults)
        raise SettingsError(f"{source} cannot be used; mend these and start again:{lines}")
    return settings


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path}: there is no such file. Copy triage.example.toml there, or name the "
            "configuration with --config."
        ) from error
    except IsADirectoryError as error:
        raise SettingsError(
            f"{path} is a folder. Name the file in it, such as {path / 'triage.toml'}."
        ) from error
    except PermissionError as error:
        raise SettingsError(
            f"{path} may not be read by this user. Give the group of the service read access "
            "(chgrp cspine-triage, chmod 640), or run as that user."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error


@dataclass(slots=True)
class _Reading:
    """One pass over a document; collects the faults that it meets."""

    faults: list[Fault] = field(default_factory=list)

    def document(self, document: Mapping[str, object]) -> Settings:
        """Read the whole document; whatever is at fault keeps its default."""
        known = {key.name: key for key in dataclasses.fields(Settings)}
        values: dict[str, Any] = {}
        for name, value in document.items():
            if name not in known:
                self._unknown(name, "", known, isinstance(value, dict | list))
            elif "rule" in known[name].metadata:
                self._value(values, known[name], name, value)
            else:
                self._tables(values, known[name], value)
        return Settings(**values)

    def _tables(self, values: dict[str, Any], key: Field[Any], found: object) -> None:
        """Read the table, or the list of tables, that belongs to a key of Settings."""
        section: type[Any] = key.metadata["section"]
        if key.default == ():
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                self._fault(key.name, f"write it as tables, each headed [[{key.name}]]")
                return
            tables = (
                self._section(section, table, f"{key.name}[{number}]")
                for number, table in enumerate(found, start=1)
            )
            values[key.name] = tuple(table for table in tables if table is not None)
        elif not isinstance(found, dict):
            self._fault(key.name, f"write it as a table, headed [{key.name}]")
        else:
            values[key.name] = self._section(section, found, key.name)

    def _section(
        self, section: type[_Section], table: Mapping[str, object], where: str
    ) -> _Section | None:
        """Read one table; None when a key that has no default is missing or at fault."""
        known = {key.name: key for key in dataclasses.fields(section)}
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                self._unknown(name, where, known, isinstance(value, dict))
            elif "named" in known[name].metadata:
                self._named_tables(values, known[name], f"{where}.{name}", value)
            else:
                self._value(values, known[name], f"{where}.{name}", value)
        required = [name for name, key in known.items() if _is_required(key)]
        for name in required:
            if name not in table:
                self._fault(f"{where}.{name}", f"is missing; {known[name].metadata['description']}")
        return section(**values) if all(name in values for name in required) else None

    def _named_tables(
        self, values: dict[str, Any], key: Field[Any], where: str, found: object
    ) -> None:
        """Read tables of which each is headed by a name, which becomes the section's first key."""
        section: type[Any] = key.metadata["section"]
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            self._fault(where, f'write it as tables, each headed [{where}."NAME"]')
            return
        head, *others = dataclasses.fields(section)
        tables: list[Any] = []
        for name, table in found.items():
            place = f"{where}.{_shown(name)}"
            if head.name in table:
                self._unknown(head.name, place, [other.name for other in others], is_table=False)
            tables.append(self._section(section, {**table, head.name: name}, place))
        values[key.name] = tuple(table for table in tables if table is not None)

    def _value(self, values: dict[str, Any], key: Field[Any], where: str, value: object) -> None:
        rule: Rule = key.metadata["rule"]
        try:
            values[key.name] = rule.read(value)
        except ValueError as error:
            remedy = f" ({error})" if isinstance(error, RefusedError) else ""
            self._fault(where, f"{_shown(value)} is refused; allowed is {rule.allowed}{remedy}")

    def _unknown(self, name: str, where: str, known: Iterable[str], is_table: bool) -> None:
        what = "table" if is_table else "key"
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"the nearest known one is {nearest[0]}" if nearest else "remove it"
        place = f" in [{where}]" if where else ""
        self._fault(f"{where}.{name}".lstrip("."), f"there is no such {what}{place}; {hint}")

    def _fault(self, key: str, text: str) -> None:
        self.faults.append(Fault(key, text))


def _is_required(key: Field[Any]) -> bool:
    return key.default is MISSING and key.default_factory is MISSING


def _shown(value: object) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    shown = shown.lower() if isinstance(value, bool) else shown
    shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "..."
