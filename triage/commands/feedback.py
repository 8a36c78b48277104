"""`triage feedback`: what readers said about decisions, as a table or as CSV."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from rich.table import Table

from triage.commands.console import open_console, open_page
from triage.errors import PermanentError
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.settings import Settings
    from triage.store import FeedbackRecord

COLUMNS = (
    "given_at",
    "user",
    "verdict",
    "stands",
    "study_instance_uid",
    "decision",
    "outcome",
    "reading_class",
    "flagged",
    "mode",
    "bundle_digest",
)


def feedback(settings: Settings, since: str | None, *, as_csv: bool) -> int:
    """Print what readers said; every line of the history, also what was taken back.

    Args:
        settings: The site's settings.
        since: A date, YYYY-MM-DD in UTC, before which nothing is printed.
        as_csv: Print CSV with a header, for a spreadsheet or a study of the calls.

    Raises:
        PermanentError: The date is none.
    """
    with Store.open(settings.state_folder) as store:
        records = store.all_feedback(None if since is None else _moment(since))
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_line, records))
    else:
        _print(records)
    return 0


def _moment(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
    except ValueError:
        raise PermanentError(f"{text!r} is no date; write it as 2026-03-31") from None


def _line(record: FeedbackRecord) -> tuple[str, ...]:
    return (
        record.given_at.isoformat(timespec="seconds"),
        record.user_name,
        record.verdict.value,
        "yes" if record.stands else "no",
        record.study_instance_uid,
        str(record.decision_number),
        record.outcome.value,
        record.reading_class.name.lower().replace("_", "-"),
        " ".join(record.flagged),
        record.mode.value,
        record.bundle_digest,
    )


def _print(records: Sequence[FeedbackRecord]) -> None:
    if not records:
        open_console().print("no reader has said anything about a decision yet")
        return
    table = Table("given at (UTC)", "user", "verdict", "outcome", "decision", "study", box=None)
    for record in records:
        verdict = record.verdict.value if record.stands else f"[dim]{record.verdict.value}[/]"
        table.add_row(
            record.given_at.strftime("%Y-%m-%d %H:%M"),
            record.user_name,
            verdict,
            record.outcome.value,
            str(record.decision_number),
            record.study_instance_uid,
        )
    open_page().print(table)
    standing = Counter((one.outcome.value, one.verdict.value) for one in records if one.stands)
    console = open_console()
    for (outcome, verdict), count in sorted(standing.items()):
        console.print(f"{outcome}: {verdict} {count}")
