"""How a key, a table and a named table of the settings are described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.settings.rules import Rule

DAY_SECONDS = 86_400.0
ANY_PORT = " (0: any free port)"


def key(rule: Rule, description: str) -> Mapping[str, Any]:
    """Return the metadata of a key."""
    return {"rule": rule, "description": description}


def section(section_class: type[Any], description: str) -> Mapping[str, Any]:
    """Return the metadata of a table of keys, or of a list of such tables."""
    return {"section": section_class, "description": description}


def named(section_class: type[Any], description: str) -> Mapping[str, Any]:
    """Return the metadata of tables that are headed by a name each: the section's first key."""
    return {"section": section_class, "description": description, "named": True}
