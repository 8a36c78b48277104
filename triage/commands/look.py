"""`triage status`, `worklist` and `study`: looking, without touching."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from triage.commands.console import open_console, open_page
from triage.commands.receivers import print_receivers, receiver_lines
from triage.errors import PermanentError
from triage.presence import last_signs
from triage.roles import roles_of
from triage.store import Store
from triage.values import DeliveryState
from triage.worklist.terminal import render_worklist

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from triage.settings import Settings
    from triage.store import (
        FeedbackRecord,
        QueueCounts,
        ReceiverChangeRecord,
        ResultRecord,
        StudyRecord,
    )


def status(settings: Settings) -> int:
    """Print which roles live, and how much stands where.

    Returns:
        0 when every role gives signs of life, no delivery was given up and every receiver has
        moved the studies that it took priorities for, else 1.
    """
    console = open_console()
    with Store.open(settings.state_folder) as store:
        counts, paused, dead = store.counts(), store.paused(), store.dead_letters()
        results, untold = store.result_counts(), store.dead_results()
        receivers, alarms = store.receiver_counts(), store.receiver_alarms()
    signs = last_signs(settings.state_folder, roles_of(settings))
    effect = "[yellow]paused by triage revert[/]" if paused else "in force"
    console.print(f"mode {settings.decision.mode.value}, effect {effect}")
    for sign in signs:
        state = "[red]silent[/]" if sign.silent else f"[green]alive[/] (process {sign.pid})"
        console.print(f"  {sign.role:<9} {state}")
    _print_counts(console, counts, results)
    print_receivers(console, receivers, alarms)
    for letter in dead:
        console.print(
            f"  [red]given up[/] report {letter.sop_instance_uid} for {letter.destination}:"
        )
        console.print(f"    {letter.problem}", markup=False)
    for result in untold:
        study = result.study_instance_uid
        console.print(f"  [red]given up[/] result of study {study} for {result.receiver}:")
        console.print(f"    {result.problem}", markup=False)
    if dead or untold:
        console.print("  `triage retry` gives them a new start")
    wrong = bool(dead or untold or receivers.alarms)
    return 1 if wrong or any(sign.silent for sign in signs) else 0


def _print_counts(
    console: Console, counts: QueueCounts, results: Mapping[tuple[str, DeliveryState], int]
) -> None:
    table = Table("what", "where", "count", box=None, pad_edge=False)
    for study_state, number in counts.studies.items():
        table.add_row("studies", study_state.value, str(number))
    for image_state, number in counts.images.items():
        table.add_row("images", image_state.value, str(number))
    for what, sent in (("reports", counts.deliveries), ("results", results)):
        for (place, state), number in sorted(
            sent.items(), key=lambda one: (one[0][0], one[0][1].value)
        ):
            colour = "red" if state is DeliveryState.DEAD else ""
            table.add_row(f"{what} to {place}", state.value, str(number), style=colour)
    console.print(table)
    if counts.oldest_queued_seconds:
        console.print(f"oldest image in the queue: {counts.oldest_queued_seconds:.0f} s")


def worklist(settings: Settings, limit: int | None) -> int:
    """Print the reading list, or its first lines."""
    console = open_page()
    cap_seconds = settings.worklist.waiting_cap_minutes * 60
    with Store.open(settings.state_folder) as store:
        now = store.clock()
        if limit is None:
            ranked, total = tuple(store.reading_order(now, cap_seconds)), 0
        else:
            window = store.reading_window(now, cap_seconds, limit=limit)
            ranked, total = window.entries, window.total
    console.print(render_worklist(ranked, width=console.width, colour=console.is_terminal))
    if total > len(ranked):
        console.print(f"... and {total - len(ranked)} more, further down: `triage worklist --all`")
    return 0


def study(settings: Settings, uid: str, *, as_json: bool) -> int:
    """Print the history of one study, named by its Study Instance UID or its work item's UID."""
    with Store.open(settings.state_folder) as store:
        record = store.study(uid)
        if record is None and (entry := store.worklist_entry(uid)) is not None:
            record = store.study(entry.study_instance_uid)
        known = record.entry.study_instance_uid if record else ""
        told, results = store.receiver_changes_of(known), store.results_of(known)
        said = store.study_feedback(known)
    if record is None:
        raise PermanentError(
            f"no study {uid} is known; `triage worklist` and the page name those that are"
        )
    lines = _history(record, told, results, said)
    if as_json:
        print(json.dumps(lines, indent=2))  # noqa: T201 - the command's output
    else:
        _print_history(open_console(), record, lines)
    return 0


def _history(
    record: StudyRecord,
    told: Sequence[ReceiverChangeRecord],
    results: Sequence[ResultRecord],
    said: Sequence[FeedbackRecord],
) -> list[dict[str, str]]:
    """Return everything that happened to a study as dated lines, oldest first."""
    lines: list[tuple[str, str, str]] = []
    for one in record.instances:
        version = f", version {one.version}" if one.version > 1 else ""
        text = f"{one.sop_instance_uid} from {one.calling_ae_title}{version}: {one.state.value}"
        lines.append((one.received_at.isoformat(), "image", _with(text, one.problem)))
        if one.analysis is not None and one.analysed_at is not None:
            gates = [gate.gate for gate in one.analysis.failed_gates]
            scores = [f"{s.finding}/{s.member} {s.probability:.3f}" for s in one.analysis.scores]
            verdict = f"gates failed: {', '.join(gates)}" if gates else "all gates passed"
            text = f"{one.sop_instance_uid}: {verdict}; {', '.join(scores) or 'no scores'}"
            lines.append((one.analysed_at.isoformat(), "analysis", text))
    for made in record.decisions:
        text = f"{made.number}: {made.decision.outcome.value} ({made.mode.value})"
        lines.append(
            (made.decided_at.isoformat(), "decision", _with(text, "; ".join(made.decision.reasons)))
        )
    for change in record.priority_changes:
        before = change.class_before.name if change.class_before is not None else "-"
        text = f"{before} → {change.class_after.name} by {change.by}"
        lines.append((change.changed_at.isoformat(), "list", _with(text, change.reason)))
    lines += [
        (
            one.changed_at.isoformat(),
            "step",
            _with(f"{one.state_after.value} by {one.by}", one.reason),
        )
        for one in record.step_changes
    ]
    for letter in record.deliveries:
        when = letter.stored_at or letter.next_attempt_at
        text = f"report {letter.sop_instance_uid} to {letter.destination}: {letter.state.value}"
        lines.append((when.isoformat(), "delivery", _with(text, letter.problem)))
    for result in results:
        when = result.acknowledged_at or result.next_attempt_at
        number = f" {result.control_id}" if result.control_id else ""
        text = f"result{number} to {result.receiver}: {result.state.value}"
        lines.append((when.isoformat(), "HL7", _with(text, result.problem)))
    for word in said:
        text = f"{word.user_name}: {word.verdict.value}, of decision {word.decision_number}"
        lines.append((word.given_at.isoformat(), "reader", text))
    lines += [(at, "receiver", text) for at, text in receiver_lines(told)]
    return [{"at": at, "what": what, "text": text} for at, what, text in sorted(lines)]


def _with(text: str, detail: str) -> str:
    return f"{text} ({detail})" if detail else text


def _print_history(
    console: Console, record: StudyRecord, history: Sequence[Mapping[str, str]]
) -> None:
    entry = record.entry
    console.print(f"study {entry.study_instance_uid}", markup=False)
    console.print(f"work item {entry.work_item_uid}", markup=False)
    console.print(
        f"{entry.study_state.value}, priority {entry.priority.value}: {'; '.join(entry.reasons)}",
        markup=False,
    )
    for line in history:
        console.print(f"{line['at'][:19]}  {line['what']:<9} {line['text']}", markup=False)
