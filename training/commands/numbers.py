"""Numbers of a command line, refused where they are read: before hours are spent on them."""

from __future__ import annotations

from argparse import ArgumentTypeError


def at_least_one(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        ArgumentTypeError: It is something else.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return value


def share(text: str) -> float:
    """A number between 0 and 1, neither of them.

    Raises:
        ArgumentTypeError: It is something else.
    """
    value = _number(text)
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is no share between 0 and 1, for instance .95")
    return value


def share_or_all(text: str) -> float:
    """A number above 0, at most 1.

    Raises:
        ArgumentTypeError: It is something else.
    """
    value = _number(text)
    if not 0 < value <= 1:
        raise ArgumentTypeError(f"{text!r} is no share above 0 and up to 1, for instance .05")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
