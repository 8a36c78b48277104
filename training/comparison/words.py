"""What a comparison shows in plain words, and what it does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.comparison.figures import Calls, FindingComparison, Ranking, Rates, RuleOut
    from training.statistics import Interval

_LEVEL = 0.05


def sentences(one: FindingComparison) -> tuple[str, ...]:
    """What is shown of one finding; A is the first run and B the second."""
    said: list[str] = []
    if one.ranking:
        said.append(_of_ranking(one.ranking, alone=one.patients >= one.films))
    if one.calls:
        said += _of_calls(one.calls)
    if one.rule_out:
        said.append(_of_rule_out(one.rule_out))
    said += [f"Not compared: {reason.rstrip('.')}." for reason in one.absent]
    return tuple(said)


def _of_ranking(ranking: Ranking, *, alone: bool) -> str:
    difference = ranking.test.difference
    interval = difference if alone or ranking.by_patient is None else ranking.by_patient
    shown = ranking.adjusted <= _LEVEL and not _holds_zero(interval)
    if shown:
        better, worse = ("A", "B") if difference.estimate > 0 else ("B", "A")
        return (
            f"{better} ranks films better than {worse}: AUC higher by "
            f"{abs(difference.estimate):.3f}."
        )
    return (
        "No difference in ranking is shown. That is no proof of equality: A may be worse than B by "
        f"{max(0.0, -interval.low):.3f} of AUC, or better by {max(0.0, interval.high):.3f}."
    )


def _of_calls(calls: Calls) -> list[str]:
    said = []
    right = calls.right
    if calls.adjusted <= _LEVEL and right.table.first != right.table.second:
        better, worse = ("A", "B") if right.table.first > right.table.second else ("B", "A")
        said.append(
            f"{better} calls more films right than {worse}, each at its own threshold: "
            f"{right.table.first} films only A, {right.table.second} only B."
        )
    else:
        said.append(
            f"No difference in the number of right calls is shown: {right.table.first} films only "
            f"A had right, {right.table.second} only B."
        )
    sensitivity, specificity = calls.sensitivity.difference, calls.specificity.difference
    opposed = sensitivity.estimate * specificity.estimate < 0
    if opposed and not (_holds_zero(sensitivity) or _holds_zero(specificity)):
        said.append(
            "One is more sensitive and the other more specific: their thresholds differ, which "
            "says little about which is the better model."
        )
    return said


def _of_rule_out(rule_out: RuleOut) -> str:
    normals, misses = rule_out.normals, rule_out.misses
    counts = (
        f"A rules out {_share(normals.first)} of the films without the finding and B "
        f"{_share(normals.second)}; of those with it {_hits(misses, first=True)} and "
        f"{_hits(misses, first=False)} of {misses.table.films}."
    )
    parts = [
        f"{_greater(rates)} {what}"
        for rates, what in (
            (normals, "rules out more of those without it"),
            (misses, "misses more"),
        )
        if not _holds_zero(rates.difference)
    ]
    verdict = " and ".join(parts) + "." if parts else "No difference is shown."
    beyond = [
        f" {letter} misses more than the {rule_out.alpha:.0%} that its threshold was set for."
        for letter, interval in (("A", misses.first), ("B", misses.second))
        if interval.low > rule_out.alpha
    ]
    return f"{counts} {verdict}" + "".join(beyond)


def _greater(rates: Rates) -> str:
    return "A" if rates.difference.estimate > 0 else "B"


def _share(interval: Interval) -> str:
    return f"{interval.estimate:.1%}"


def _hits(rates: Rates, *, first: bool) -> int:
    table = rates.table
    return table.both + (table.first if first else table.second)


def _holds_zero(interval: Interval) -> bool:
    return interval.low <= 0 <= interval.high
