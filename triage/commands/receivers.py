"""What commands print of the receivers of priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from triage.store import ReceiverChangeRecord, ReceiverCounts


def print_receivers(
    console: Console, counts: ReceiverCounts, alarms: Sequence[ReceiverChangeRecord]
) -> None:
    """Print how many priorities stand where, and the first of those that need a person."""
    if not counts.changes:
        return
    table = Table("priorities to", "state", "count", box=None, pad_edge=False)
    for (name, state), number in sorted(counts.changes.items(), key=lambda one: _order(one[0])):
        table.add_row(name, state.value, str(number), style="red" if state.alarming else "")
    console.print(table)
    for alarm in alarms:
        console.print(
            f"  [red]{alarm.state.value}[/] study {alarm.study_instance_uid} at {alarm.receiver}:"
        )
        console.print(f"    {alarm.problem}", markup=False)
    if counts.alarms > len(alarms):
        console.print(f"  and {counts.alarms - len(alarms)} more")
    if alarms:
        console.print("  `triage retry` gives them a new start")


def receiver_lines(changes: Iterable[ReceiverChangeRecord]) -> Iterator[tuple[str, str]]:
    """Yield what became of a study's priorities at its receivers: when, and in words."""
    for change in changes:
        text = f"{change.receiver}: {change.wish.value}, {change.state.value}"
        if change.after:
            text = f"{text}, {change.before or 'nothing'} → {change.after or 'nothing'}"
        told = [change.reason, change.acknowledgement, change.problem]
        when = change.confirmed_at or change.acknowledged_at or change.made_at
        yield when.isoformat(), f"{text} ({'; '.join(filter(None, told))})"


def _order(key: tuple[str, object]) -> tuple[str, str]:
    name, state = key
    return name, str(state)
