"""The reading list as a table for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from triage.values import Outcome, Priority
from triage.worklist.words import (
    group_title,
    outcome_words,
    person_name,
    reason_words,
    waiting_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from triage.values import RankedEntry

DEFAULT_WIDTH = 100
_REASONS_NEED = 90  # columns; below this width a line names the outcome only
_PRIORITY_STYLES = {Priority.HIGH: "bold", Priority.MEDIUM: "", Priority.LOW: "dim"}
_OUTCOME_STYLES = {Outcome.ABNORMAL: "red", Outcome.LIKELY_NORMAL: "dim", None: "dim"}


def render_worklist(
    ranked: Sequence[RankedEntry], *, width: int | None = None, colour: bool = True
) -> RenderableType:
    """Lay out a reading order for a terminal; every entry stands in it, in the order given.

    Args:
        ranked: The list in reading order.
        width: Columns of the terminal; None for output that is no terminal.
        colour: Whether to use colour and weight.

    Returns:
        What a rich console prints.
    """
    if not ranked:
        return Text("No study is waiting to be read.")
    width = width or DEFAULT_WIDTH
    table = _table(width)
    for _, members in groupby(ranked, key=lambda item: item.effective_class):
        table.add_section()
        _add_group(table, tuple(members), with_reasons=width >= _REASONS_NEED)
    return table if colour else Plain(table)


@dataclass(frozen=True, slots=True)
class Plain:
    """A table without its styles, whatever the console could do."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table's characters only."""
        return Segment.strip_styles(console.render(self.table, options))


def _table(width: int) -> Table:
    roomy = width >= _REASONS_NEED
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), width=width)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("Priority", no_wrap=True)
    table.add_column("Waiting", justify="right", no_wrap=True)
    table.add_column("Result and reason" if roomy else "Result", ratio=5, overflow="fold")
    table.add_column("Patient", ratio=3, no_wrap=True, overflow="ellipsis")
    table.add_column("Accession", no_wrap=True, overflow="ellipsis", max_width=16)
    return table


def _add_group(table: Table, members: tuple[RankedEntry, ...], *, with_reasons: bool) -> None:
    table.add_row("", "", "", Text(f"{group_title(members)} ({len(members)})", "bold"))
    for item in members:
        entry = item.entry
        table.add_row(
            str(item.position),
            _priority(item),
            _waiting(item),
            _finding(item, with_reasons=with_reasons),
            Text(person_name(entry.patient_name).main or "no name"),
            Text(_one_line(entry.accession_number)),
        )


def _priority(item: RankedEntry) -> Text:
    priority = item.effective_priority
    order = item.entry.order_priority
    text = Text(priority.value, _PRIORITY_STYLES[priority])
    return text.append(f" {order.value}", "reverse") if order.urgent else text


def _waiting(item: RankedEntry) -> Text:
    words = waiting_words(item.waited_seconds)
    late = item.waited_seconds >= item.cap_seconds
    return Text(f"{words} !", "yellow") if late else Text(words)


def _finding(item: RankedEntry, *, with_reasons: bool) -> Text:
    entry = item.entry
    text = Text(outcome_words(entry), _OUTCOME_STYLES.get(entry.outcome, ""))
    raised = "raised by the waiting cap" if item.overdue else ""
    reasons = [reason for reason in (raised, reason_words(entry.reasons)) if reason]
    if with_reasons and reasons:
        text.append(": " + _one_line("; ".join(reasons)), "not bold default")
    return text


def _one_line(value: str) -> str:
    """Keep a value from a header from moving the cursor."""
    return "".join(mark if mark.isprintable() else " " for mark in value)
