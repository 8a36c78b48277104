"""The folder of a run: what it was begun with, who writes into it, and whether it may go on."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import platform
import signal
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import torch

from training.errors import DiskError, RunError, StoppedError
from training.files import write_whole
from training.loop.interrupts import Interrupts
from training.loop.processes import leads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

RECORD: Final = "run.json"
_LOCK: Final = ".lock"
_SCHEMA: Final = 1
_SHOWN: Final = 60  # characters of a value that differs
_PACKAGES: Final = ("cspine-triage", "numpy", "scikit-learn", "torch", "torchvision")


class Status(StrEnum):
    """Where a run stands."""

    RUNNING = "running"  # or killed without a word: then nobody holds its lock
    STOPPED = "stopped"  # by a signal or an error; --resume goes on with it
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What the result of a run follows from: a run goes on only with the same.

    Attributes:
        recipe: Its name.
        settings: Of the recipe: plain values, lists and mappings by name.
        seed: All chance follows from it.
        data: Digest of the films.
        contract: The recipe's own words (paper, data, expected figure); may be reworded.
    """

    recipe: str
    settings: Mapping[str, Any]
    seed: int
    data: str
    contract: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What ``run.json`` says of a run.

    Attributes:
        plan: What it was begun with.
        status: Where it stands.
        reason: Why it was stopped; empty otherwise.
        versions: Of Python and of the packages that compute.
        device: What it computes on.
        threads: Sums of floating point differ by their number.
        processes: That train together.
        begun: ISO 8601, with zone.
        changed: When its status changed last, alike.
        resumptions: How often it was gone on with.
    """

    plan: RunPlan
    status: Status = Status.RUNNING
    reason: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    threads: int = 0
    processes: int = 1
    begun: str = ""
    changed: str = ""
    resumptions: int = 0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder while the run writes into it.

    Attributes:
        path: The folder.
        resumed: Whether the run goes on with what is there.
    """

    path: Path
    resumed: bool

    @classmethod
    @contextmanager
    def opened(
        cls,
        path: Path,
        plan: RunPlan,
        *,
        resume: bool,
        report: Callable[[str], None] = lambda _: None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC),
    ) -> Iterator[RunFolder]:
        """Begin a run, or go on with one; say in its record how it ends.

        While it is open, Ctrl-C and SIGTERM raise `StoppedError`. Of the processes that train
        together only the leading one locks and records.

        Args:
            path: The folder; it must not be there, or be empty, when a run is begun.
            plan: What the result follows from.
            resume: Whether to go on with the run that is there.
            report: Told what may make the rest of a resumed run differ.
            now: The time.

        Raises:
            RunError: The folder holds something else, or another process trains in it.
            DiskError: The record could not be written.
            StoppedError: A signal ended the run.
        """
        with Interrupts().caught():
            if not leads():
                yield cls(path, resume)
                return
            before = _checked(path, plan, resume=resume)
            with _locked(path):
                if before is None and (path / RECORD).exists():
                    raise RunError(f"{path}: another run was begun there: choose another folder.")
                record = _begun(plan, before, now(), report)
                with _recorded(path, record, now):
                    yield cls(path, resume)


def read_run(path: Path) -> RunRecord:
    """Read the record of a run.

    Args:
        path: The folder of the run.

    Raises:
        RunError: There is none, or it is damaged.
    """
    file = path / RECORD
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.pop("schema") != _SCHEMA:
            raise RunError(f"{file} was written by another version of the program: train again.")
        plan = RunPlan(**{one.name: content.pop(one.name) for one in fields(RunPlan)})
        return RunRecord(plan, Status(content.pop("status")), **content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{file} is no record of a run ({type(error).__name__}: {error}): give a folder that "
            "`training run` wrote."
        ) from error


def _checked(path: Path, plan: RunPlan, *, resume: bool) -> RunRecord | None:
    """The record of the run to go on with, None to begin one; refuses any other folder."""
    try:
        if not resume:
            path.mkdir(parents=True, exist_ok=True)
        content = sorted(one.name for one in path.iterdir() if one.name != _LOCK)
    except FileNotFoundError:
        content = []
    except OSError as error:
        raise DiskError(
            f"{path} cannot be a run's folder ({error.strerror}): choose another with --out."
        ) from error
    if resume and RECORD not in content:
        raise RunError(f"{path} holds no run to go on with: begin one, without --resume.")
    if resume:
        before = read_run(path)
        _refuse_another(path, before.plan, plan)
        return before
    if RECORD in content:
        found = read_run(path)
        raise RunError(
            f"{path} holds a run of {found.plan.recipe} ({found.status}): go on with it by "
            "--resume, or choose another folder with --out."
        )
    if content:
        raise RunError(
            f"{path} holds something else ({content[0]}): choose an empty or new folder."
        )
    return None


def _refuse_another(path: Path, before: RunPlan, plan: RunPlan) -> None:
    then, now = _compared(before), _compared(plan)
    differences = [
        f"{key} ({_short(then.get(key))} then, {_short(now.get(key))} now)"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    if differences:
        raise RunError(
            f"{path} was begun with another {'; '.join(differences)}: resume with what it was "
            "begun with, or choose another folder with --out."
        )


def _compared(plan: RunPlan) -> dict[str, object]:
    """The plan flat, as JSON gives it back, without the words."""
    settings = json.loads(json.dumps(dict(plan.settings)))
    return {"recipe": plan.recipe, "seed": plan.seed, "data": plan.data, **settings}


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _begun(
    plan: RunPlan, before: RunRecord | None, now: dt.datetime, report: Callable[[str], None]
) -> RunRecord:
    time = now.isoformat(timespec="seconds")
    record = RunRecord(
        plan,
        versions=_versions(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        threads=torch.get_num_threads(),
        processes=int(os.environ.get("WORLD_SIZE", "1")),
        begun=time,
        changed=time,
    )
    if before is None:
        return record
    for what, then, here in (
        *((name, before.versions.get(name), value) for name, value in record.versions.items()),
        ("device", before.device, record.device),
        ("threads", before.threads, record.threads),
    ):
        if then != here:
            report(f"{what}: {then} then, {here} now; the last digits may differ")
    return replace(record, begun=before.begun, resumptions=before.resumptions + 1)


def _versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Be the only one that trains in a folder; the lock goes with the process."""
    with (path / _LOCK).open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"{path}: another process trains there: wait for it, or choose another folder."
            ) from error
        yield


@contextmanager
def _recorded(path: Path, record: RunRecord, now: Callable[[], dt.datetime]) -> Iterator[None]:
    """Write the record, and again when the run ends, however it does."""

    def write(status: Status, reason: str = "") -> None:
        time = now().isoformat(timespec="seconds")
        _write(path, replace(record, status=status, reason=reason, changed=time))

    write(Status.RUNNING)
    try:
        yield
    except StoppedError as stop:
        message = str(stop) or (
            f"stopped by {signal.Signals(stop.signal_number).name}; what is done is kept in "
            f"{path}: the same command with --resume goes on."
        )
        write(Status.STOPPED, message)
        raise StoppedError(stop.signal_number, message) from None
    except BaseException as error:
        with suppress(DiskError):  # the error itself says more
            write(Status.STOPPED, str(error) or type(error).__name__)
        raise
    write(Status.FINISHED)


def _write(path: Path, record: RunRecord) -> None:
    content = asdict(record)
    content = {"schema": _SCHEMA, **content.pop("plan"), **content}
    write_whole(path / RECORD, (json.dumps(content, indent=2) + "\n").encode())
