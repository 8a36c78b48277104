"""What stands on every page: the head, the log-in, and what the keyboard does."""

from __future__ import annotations

from typing import Final

PAGE: Final = {
    "page.skip": "Skip to the content",
    "page.nav": "Pages",
    "page.list": "Reading list",
    "page.operator": "Operator",
    "page.live": "Live",
    "page.stale": "Not up to date",
    "page.refreshed": "Last brought up to date",
    "page.mode": "{mode} mode",
    "page.not-for-diagnosis": "Not for diagnosis.",
    "page.suggestion": (
        "The order is a suggestion: every study stays on the list and is read by a radiologist."
    ),
    "page.paused": "Paused.",
    "page.paused.what": (
        "Re-ordering is switched off and every priority is back where it was. An operator"
        " switches it on again."
    ),
    "page.lost": "Not up to date.",
    "page.lost.what": (
        "The triage service does not answer. This is the list as it was at {moment}: newer"
        " studies are missing. Read from the PACS until this message goes away."
    ),
    "mode.paused": "paused: results do not move the list",
    "mode.exceptions": "(with exceptions)",
    "mode.shadow": "results do not move the list",
    "mode.promote": "suspected abnormal studies are raised",
    "mode.demote": "suspected abnormal studies are raised, likely normal ones lowered",
}

ACCESS: Final = {
    "access.title": "Log-in",
    "access.log-in": "Log in",
    "access.log-out": "Log out",
    "access.name": "Name",
    "access.password": "Password",
    "access.no-users": "No user has been added yet. An administrator does it on this system:",
    "access.pacs": "Every study stays in the PACS, with or without this page.",
    "access.read-only": "View only.",
    "access.read-only.what": "Nobody can log in yet; an administrator adds the first user:",
}

KEYS: Final = {
    "keys.title": "Keyboard",
    "keys.close": "Close",
    "keys.next": "next study",
    "keys.previous": "previous study",
    "keys.ends": "first and last study",
    "keys.open": "open the study's page",
    "keys.claim": "open for reading, or release",
    "keys.agree": "agree with the result",
    "keys.disagree": "disagree with the result",
    "keys.undo": "take back what you said of it",
    "keys.text": "filter by name, ID or accession number",
    "keys.classes": "show urgent, abnormal, routine or normal studies",
    "keys.every": "show every class",
    "keys.mine": "only what I have opened",
    "keys.clear": "no filter",
    "keys.reading": "back to the reading order",
    "keys.viewer": "show or hide the larger view",
    "keys.layers": "heat map, landmarks",
    "keys.help": "this list of keys",
    "keys.back": "back to the list",
    "keys.more": "all keys",
    "keys.or": "or",
    "keys.moves": "move",
    "keys.turns": "next and previous study",
    "keys.opens": "opens",
    "keys.filters": "filter",
    "keys.claims": "take or release",
}
