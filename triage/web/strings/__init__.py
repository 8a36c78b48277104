"""Every English sentence and label of the pages, in one place: for templates, Python and scripts.

A string is named by a key whose first part is where it stands. Facts stand in braces. A key that
ends with ".one" is taken instead of the key itself when its count is 1. What the pages share with
the terminal (names of classes and outcomes, waiting times) is in triage.worklist.words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from triage.web.strings.listing import FILTERS, LIST, VIEWER
from triage.web.strings.operators import OPERATOR
from triage.web.strings.pages import ACCESS, KEYS, PAGE
from triage.web.strings.refusals import REFUSALS
from triage.web.strings.scripts import SCRIPT
from triage.web.strings.study import HISTORY, STUDY, VERBS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STRINGS", "say", "strings_for_scripts"]

STRINGS: Mapping[str, str] = MappingProxyType(
    PAGE
    | ACCESS
    | KEYS
    | LIST
    | FILTERS
    | VIEWER
    | VERBS
    | STUDY
    | HISTORY
    | OPERATOR
    | REFUSALS
    | SCRIPT
)


def say(key: str, **facts: object) -> str:
    """Return a string with its facts filled in.

    Args:
        key: Its name.
        facts: What stands in braces; a `count` of 1 chooses the singular where there is one.

    Raises:
        KeyError: There is no such string, or a fact of it is missing.
    """
    singular = f"{key}.one"
    text = STRINGS[singular if facts.get("count") == 1 and singular in STRINGS else key]
    return text.format(**facts) if facts else text


def strings_for_scripts() -> dict[str, str]:
    """Return what the scripts say, by the keys that they know."""
    prefix = "script."
    return {
        key.removeprefix(prefix): text for key, text in STRINGS.items() if key.startswith(prefix)
    }
