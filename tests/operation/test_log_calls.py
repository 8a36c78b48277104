"""Every call of the log in the program is one that the log can vouch for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from triage.log.allowed import ALLOWED_KEYS, Kind

PROGRAM = Path(__file__).resolve().parents[2] / "triage"
METHODS = {"debug", "info", "warning", "error", "critical", "exception", "bind"}
ALWAYS = {"exc_info"}


def faults_in(source: str) -> list[str]:
    """Return what is wrong with the log calls of a module, one line each."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [f"line {call.lineno}: {fault}" for call in calls for fault in _faults(call)]


def _faults(call: ast.Call) -> list[str]:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in METHODS:
        return []
    if ast.unparse(call.func.value).rpartition(".")[2].strip("_") not in {"log", "logger"}:
        return []
    faults = []
    events = [argument for argument in call.args if not _is_text(argument)]
    if events or len(call.args) != (call.func.attr != "bind"):
        faults.append("the event is not one constant text")
    for keyword in call.keywords:
        if keyword.arg not in {*ALLOWED_KEYS, *ALWAYS}:
            faults.append(f"the key {keyword.arg or '**'} is not in triage.log.allowed")
        elif ALLOWED_KEYS.get(keyword.arg) is Kind.TEXT and _is_made_text(keyword.value):
            faults.append(f"{keyword.arg} hides an error in a text: pass the error itself")
    return faults


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_made_text(node: ast.expr) -> bool:
    made = isinstance(node, ast.JoinedStr)
    return made or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"str", "repr"})


@pytest.mark.parametrize(
    "module", sorted(PROGRAM.rglob("*.py")), ids=lambda path: str(path.relative_to(PROGRAM))
)
def test_log_calls_have_a_constant_event_and_allowed_keys(module):
    assert faults_in(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "call",
    [
        'log.info(f"stored {name}")',
        'log.info("stored %s", name)',
        "log.info(message)",
        'self._log.info("stored", patient_name=name)',
        'log.info("stored", **facts)',
        'log.bind(accession=number).info("stored")',
        'log.warning("failed", problem=str(error))',
        'log.warning("failed", reason=f"not {name}")',
    ],
)
def test_a_call_that_could_carry_patient_data_is_found(call):
    assert faults_in(call)


@pytest.mark.parametrize(
    "call",
    [
        'log.info("stored", study=uid, status=0)',
        'log.exception("failed", problem=error)',
        "log.bind(study=uid)",
        'console.info(f"{anything}")',
    ],
)
def test_a_call_that_cannot_is_left_alone(call):
    assert faults_in(call) == []
