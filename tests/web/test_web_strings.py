"""Every sentence of the pages stands in one place, is used, and is found."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import triage.web
from triage.store import DoubtKind
from triage.values import (
    DeliveryState,
    ImageState,
    Mode,
    ReadingClass,
    ReceiverState,
    StepState,
    StudyState,
)
from triage.web.listing.asking import Sort
from triage.web.strings import STRINGS, say, strings_for_scripts

WEB = Path(triage.web.__file__).parent
PYTHON = [path for path in WEB.rglob("*.py") if "strings" not in path.parts]
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
# UPS-RS speaks to programs, in the words of its standard; the server and TLS to administrators.
PAGES = [
    path
    for path in PYTHON
    if "dicomweb" not in path.parts and path.name not in ("server.py", "tls.py")
]
REFUSALS = ("HTTPException", "PermanentError")
SCRIPTS = sorted((WEB / "static").glob("*.js"))
# Keys whose end is a value of the program.
BUILT = {
    "by.": ("ai", "order", "cap", "brake", "mode", "arrival"),
    "delivery.": [one.value for one in DeliveryState],
    "done.": ("pause", "resume"),
    "doubt.": [f"{one.value}{end}" for one in DoubtKind for end in ("", ".what-to-do")],
    "events.": ("given-up", "given-up.what-to-do", "waiting", "waiting.what-to-do"),
    "event.": ("agree", "disagree", "undo"),
    "filter.class.": [str(one.value) for one in ReadingClass],
    "filter.sort.": [one.value for one in Sort],
    "image.": [one.value for one in ImageState],
    "list.sorted.": [one.value for one in Sort if one is not Sort.READING],
    "mode.": [one.value for one in Mode],
    "operator.": (
        "pause",
        "pause.what",
        "pause.confirm",
        "resume",
        "resume.what",
        "resume.confirm",
    ),
    "receiver-state.": [one.value for one in ReceiverState],
    "row.": ("agree", "disagree"),
    "script.done.": ("agree", "disagree", "undo", "claim", "release", "priority"),
    "state.": [one.value for one in StudyState],
    "step.": [one.name.lower() for one in StepState],
    "verb.": ("agree", "disagree", "undo", "claim", "release"),
    "verdict.": (
        "flagged",
        "ruled-out",
        "neither",
        "seen",
        "not-seen",
        "unknown",
        "not-counted",
    ),
}


def named_in(paths, prefix=""):
    """Return every string literal that has the shape of a key."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return {prefix + key for key in re.findall(r'"([a-z][a-z0-9.-]*)"', text)}


def asked_for():
    """Return every key that a page, a script or the program asks for."""
    built = {start + end for start, ends in BUILT.items() for end in ends}
    return built | named_in(PYTHON + TEMPLATES) | named_in(SCRIPTS, "script.")


def test_every_string_is_used():
    used = asked_for()
    singulars = {f"{key}.one" for key in used}
    titles = {key for key in STRINGS if key.startswith("error.title.")}
    assert set(STRINGS) - used - singulars - titles == set()


@pytest.mark.parametrize("path", [*TEMPLATES, *PYTHON], ids=lambda path: path.name)
def test_every_string_that_is_asked_for_is_there(path):
    asked = re.findall(r'say\(\s*"([^"]+)"\s*[,)]', path.read_text(encoding="utf-8"))
    assert [key for key in asked if key not in STRINGS] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_string_of_a_script_is_there(path):
    asked = re.findall(r'say\("([^"]+)"', path.read_text(encoding="utf-8"))
    assert [key for key in asked if key not in strings_for_scripts()] == []


def test_every_string_that_a_value_of_the_program_names_is_there():
    built = {start + end for start, ends in BUILT.items() for end in ends}
    assert built - set(STRINGS) == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_sentence_of_their_own(path):
    tags = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<code>.*?</code>|<[^>]*>"
    text = re.sub(tags, " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    # What is left are signs, keys of the keyboard and names of the program.
    assert re.findall(r"[A-Za-z]{3,}", text.replace("Enter", "").replace("Esc", "")) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_people_are_refused_with_is_no_sentence_of_the_handler(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    refusals = [call for call in calls if getattr(call.func, "id", "") in REFUSALS]
    words = [word for call in refusals for word in call.args[:2] if not isinstance(word, ast.Call)]
    spoken = (ast.Constant, ast.JoinedStr)
    assert not [
        ast.unparse(word)
        for word in words
        if isinstance(word, spoken) and not isinstance(getattr(word, "value", ""), int)
    ]


def test_no_key_stands_in_two_places():
    rooms = [ast.parse(path.read_text()) for path in sorted((WEB / "strings").glob("*.py"))]
    tables = [node for room in rooms for node in ast.walk(room) if isinstance(node, ast.Dict)]
    assert sum(len(table.keys) for table in tables) == len(STRINGS)


def test_a_count_of_one_is_told_in_the_singular():
    assert say("list.studies", count=1) == "study"
    assert say("list.studies", count=2) == "studies"
    with pytest.raises(KeyError):
        say("page.nothing")
