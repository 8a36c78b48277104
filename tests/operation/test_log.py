"""The log keeps what operators need and loses what patients would mind, on every path."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from datetime import UTC, datetime

import pytest
import structlog

from triage.errors import HeaderError, SettingsError
from triage.log import ALLOWED_KEYS, DROPPED, configure, get_logger
from triage.log.allowed import Kind
from triage.settings import LogLevel, LogSettings
from triage.values import ImageState, ReadingClass

NAME = "Roentgen^Bertha"
UID = "1.2.826.0.1.3680043.8.498.1"


@pytest.fixture
def restored(monkeypatch):
    """Put every hook of the process back after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for owner, hook in (
        (sys, "excepthook"),
        (sys, "unraisablehook"),
        (threading, "excepthook"),
        (warnings, "showwarning"),
    ):
        monkeypatch.setattr(owner, hook, getattr(owner, hook))
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def start(restored):
    """Return a function that starts the log and returns what reads its lines."""

    def make(level=LogLevel.INFO):
        stream = io.StringIO()
        configure("listener", LogSettings(level=level), stream)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    return make


def test_a_line_has_event_level_time_role_part_and_process(start):
    lines = start()
    get_logger("spool").info("instance stored", action="instance_stored", study=UID)
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "event": "instance stored",
        "level": "info",
        "role": "listener",
        "part": "spool",
        "pid": os.getpid(),
        "action": "instance_stored",
        "study": UID,
    }


def test_a_log_made_at_import_follows_the_configuration_that_comes_later(restored):
    log = get_logger("early")
    stream = io.StringIO()
    configure("worker", LogSettings(), stream)
    log.info("started")
    assert json.loads(stream.getvalue())["role"] == "worker"


@pytest.mark.parametrize("level", LogLevel)
def test_lines_below_the_level_of_the_settings_are_left_out(start, level):
    lines = start(level)
    log = get_logger("spool")
    for name in LogLevel:
        getattr(log, name.value)("something")
    assert [line["level"] for line in lines()] == list(LogLevel)[list(LogLevel).index(level) :]


@pytest.mark.parametrize("key", ["patient_name", "patient_id", "accession_number", "anything"])
def test_a_key_that_is_not_in_the_table_loses_its_value(start, key):
    lines = start()
    get_logger("spool").info("stored", **{key: NAME})
    assert lines()[0][key] == DROPPED


@pytest.mark.parametrize(
    "key", [key for key, kind in ALLOWED_KEYS.items() if kind is not Kind.TEXT]
)
def test_no_allowed_key_but_those_of_our_own_clauses_takes_a_name(start, key):
    lines = start()
    get_logger("spool").bind(**{key: "Röntgen^Bertha"}).info("stored")
    assert "Bertha" not in json.dumps(lines())


@pytest.mark.parametrize("key", sorted(ALLOWED_KEYS))
def test_no_allowed_key_takes_a_composite_value(start, key):
    class Dataset:
        def __repr__(self):
            return NAME

        __str__ = __repr__

    lines = start()
    if key == "event":
        get_logger("spool").info(Dataset())
    else:
        get_logger("spool").info("stored", **{key: Dataset()})
        get_logger("spool").info("stored", **{key: (Dataset(), {"name": NAME})})
        get_logger("spool").info("stored", **{key: NAME.encode()})
    assert "Bertha" not in json.dumps(lines())


@pytest.mark.parametrize(
    ("key", "value", "logged"),
    [
        ("study", UID, UID),
        ("study", NAME, DROPPED),
        ("study", "12345678", DROPPED),
        ("study", "1." + "2" * 64, DROPPED),
        ("instance", (UID, NAME), [UID, DROPPED]),
        ("peer", "CT 1", "CT 1"),
        ("peer", "longer than sixteen", DROPPED),
        ("address", "fe80::1", "fe80::1"),
        ("status", 0xA700, "A700"),
        ("status", 0, "0000"),
        ("state", ImageState.SET_ASIDE, "set-aside"),
        ("reading_class", ReadingClass.ROUTINE, 2),
        ("seconds", 0.25, 0.25),
        ("seconds", float("inf"), "inf"),
        ("seconds", "soon", DROPPED),
        ("next_attempt_at", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ("next_attempt_at", "tomorrow", DROPPED),
        ("images", None, None),
        ("problem", HeaderError("no SOP Instance UID"), "no SOP Instance UID"),
        ("problem", ValueError(NAME), "ValueError"),
        ("problem", "x" * 600, "x" * 500),
    ],
)
def test_a_value_is_logged_as_its_key_allows(start, key, value, logged):
    lines = start()
    get_logger("spool").info("stored", **{key: value})
    assert lines()[0][key] == logged


def test_an_exception_is_logged_with_its_place_and_without_its_message(start):
    lines = start()
    try:
        int(NAME)
    except ValueError:
        get_logger("worker").exception("image failed", study=UID)
    (line,) = lines()
    assert line["exception"][0]["type"] == "builtins.ValueError"
    assert "test_an_exception_is_logged" in line["exception"][0]["frames"][-1]
    assert "Bertha" not in json.dumps(line)


def test_the_message_of_our_own_error_stays_and_that_of_its_cause_goes(start):
    lines = start()
    try:
        try:
            int(NAME)
        except ValueError as error:
            raise HeaderError("the header has no SOP Instance UID") from error
    except HeaderError as error:
        get_logger("worker").error("image failed", exc_info=error)
    (line,) = lines()
    assert [each["type"] for each in line["exception"]] == [
        "triage.errors.HeaderError",
        "builtins.ValueError",
    ]
    assert line["exception"][0]["message"] == "the header has no SOP Instance UID"
    assert "Bertha" not in json.dumps(line)


def test_the_members_of_an_exception_group_are_logged_without_their_messages(start):
    lines = start()
    group = ExceptionGroup(NAME, [ValueError(NAME), KeyError(NAME)])
    group.add_note(NAME)
    get_logger("worker").error("several failed", exc_info=group)
    (line,) = lines()
    types = [each["type"] for each in line["exception"]]
    assert types == ["builtins.ExceptionGroup", "builtins.ValueError", "builtins.KeyError"]
    assert "Bertha" not in json.dumps(line)


def test_nobody_else_fills_the_place_of_the_exception(start):
    lines = start()
    get_logger("worker").info("stored", exception=NAME)
    assert lines()[0]["exception"] == DROPPED


def test_standard_logging_keeps_its_place_and_loses_its_words(start):
    lines = start()
    logging.getLogger("pynetdicom.acse").warning("Peer of %s", NAME)
    (line,) = lines()
    assert (line["logger"], line["level"], line["module"], line["template"]) == (
        "pynetdicom.acse",
        "warning",
        "test_log",
        None,
    )
    assert "Bertha" not in json.dumps(line)


def test_a_harmless_template_is_kept_without_its_arguments(start):
    lines = start()
    logging.getLogger("apscheduler.executors").error("Error running job %s", NAME)
    (line,) = lines()
    assert line["template"] == "Error running job %s"
    assert "Bertha" not in json.dumps(line)


def test_a_record_whose_message_is_no_text_is_logged(start):
    lines = start()
    logging.getLogger("other").error([NAME])
    logging.getLogger("other").log(35, ValueError(NAME))
    assert [line["level"] for line in lines()] == ["error", "warning"]
    assert "Bertha" not in json.dumps(lines())


def test_what_libraries_say_below_warning_is_left_out(start):
    lines = start(LogLevel.DEBUG)
    logging.getLogger("uvicorn.access").info("GET /studies?name=%s", NAME)
    assert lines() == []


def test_starting_twice_logs_once(start):
    start()
    lines = start()
    logging.getLogger("other").error("x")
    assert len(lines()) == 1


def test_a_stream_that_cannot_be_written_does_not_stop_the_work(restored):
    stream = io.StringIO()
    configure("worker", LogSettings(), stream)
    stream.close()
    get_logger("worker").info("stored")
    assert stream.closed


def test_a_full_disk_does_not_stop_the_work(restored):
    class Full(io.StringIO):
        def write(self, text):
            lost.append(text)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lost = []
    configure("worker", LogSettings(), Full())
    get_logger("worker").info("stored")
    assert len(lost) == 1


def test_a_folder_gets_one_file_per_role(restored, tmp_path):
    configure("courier", LogSettings(folder=tmp_path))
    get_logger("courier").info("first")
    (tmp_path / "courier.jsonl").rename(tmp_path / "courier.jsonl.1")
    get_logger("courier").info("after rotation")
    assert json.loads((tmp_path / "courier.jsonl.1").read_text())["event"] == "first"
    assert json.loads((tmp_path / "courier.jsonl").read_text())["event"] == "after rotation"


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(restored, tmp_path):
    with pytest.raises(SettingsError, match=r"log\.folder: .* cannot be written .* Make the"):
        configure("courier", LogSettings(folder=tmp_path / "absent"))


_BEGIN = """
import logging, sys, threading, warnings
from triage.log import configure, get_logger
from triage.settings import LogSettings
configure("worker", LogSettings())
NAME = "Roentgen" + "^" + "Bertha"
"""

_PATHS = {
    "an error that nobody handles": "int(NAME)",
    "an error in a thread": "t = threading.Thread(target=int, args=(NAME,)); t.start(); t.join()",
    "an error in a destructor": """
class Leaky:
    def __del__(self):
        int(NAME)
Leaky()
""",
    "a warning": "warnings.warn(NAME)",
    "a record that cannot be formatted": "logging.getLogger('x').error('%d', NAME)",
    "a handler of pynetdicom that fails": """
from pynetdicom import AE, evt
def fail(event):
    raise ValueError(NAME)
server = AE()
server.add_supported_context("1.2.840.10008.1.1")
running = server.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, fail)])
client = AE()
client.add_requested_context("1.2.840.10008.1.1")
association = client.associate("127.0.0.1", running.socket.getsockname()[1])
association.send_c_echo()
association.release()
running.shutdown()
""",
    "a value that pydicom finds wrong": """
import pydicom
pydicom.Dataset().PatientBirthDate = NAME
""",
    "a job of APScheduler that fails": """
from apscheduler.schedulers.background import BackgroundScheduler
done = threading.Event()
scheduler = BackgroundScheduler()
scheduler.add_listener(lambda event: done.set())
scheduler.add_job(int, args=(NAME,))
scheduler.start()
done.wait(10)
scheduler.shutdown()
""",
    "a statement that the database refuses": """
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://")
try:
    engine.connect().execute(sqlalchemy.text("select :name from nowhere"), {"name": NAME})
except sqlalchemy.exc.SQLAlchemyError:
    get_logger("store").exception("statement refused")
""",
}


@pytest.mark.parametrize("path", _PATHS)
def test_a_name_does_not_reach_the_output_of_a_process_through(path, root):
    script = _BEGIN + _PATHS[path]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        check=False,
    )
    assert done.stderr == ""
    assert "Bertha" not in done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, "the path logged nothing, so that the test shows nothing"
    assert all(line["role"] == "worker" for line in lines)
