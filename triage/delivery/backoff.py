"""When to try again, as pure functions of what happened.

Two kinds of trouble are kept apart, so that a destination that is away for an hour (or a
weekend) loses nothing, and so that one object that it will never take blocks nothing:

- *The peer* is away, busy, or rejects our associations. No object was tried, so no object
  loses one of its tries. The whole destination rests, longer each time up to a maximum, and
  this goes on without end: whoever mends the peer finds everything delivered afterwards.
- *An object* was tried and not stored. Each such try counts. An answer that may pass (out of
  resources, no answer, an abort) is tried `maximum_attempts` times, an answer that names the
  object itself as the fault only `REFUSAL_ATTEMPTS` times; then the row is a dead letter,
  which `triage retry` revives.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from triage.delivery.answers import Answer

if TYPE_CHECKING:
    from datetime import datetime

    from triage.settings import DeliverySettings

# A refusal for good is repeated a little all the same: PACS are seen to answer C000 while
# their own database is restarting, and a dead letter needs a person.
REFUSAL_ATTEMPTS = 3

# Jitter shortens a delay by up to this share, so that several couriers do not return at once.
JITTER_SHARE = 0.25

# 2 ** 32 times any first delay is beyond any maximum; larger powers only cost memory.
LARGEST_EXPONENT = 32


def next_attempt(
    attempts: int, answer: Answer, settings: DeliverySettings, now: datetime, jitter: float
) -> datetime | None:
    """Decide when an object that was tried, and not stored, is tried again.

    Args:
        attempts: Tries of this object so far, this one included.
        answer: What the try came to; BUSY or REFUSED.
        settings: The delays and the bound.
        now: The present time.
        jitter: A random number in [0, 1).

    Returns:
        The time of the next try, or None when the tries are used up (a dead letter).
    """
    if answer is Answer.REFUSED:
        if attempts >= min(REFUSAL_ATTEMPTS, settings.maximum_attempts):
            return None
        return now + _shortened(settings.maximum_retry_seconds, jitter)
    if attempts >= settings.maximum_attempts:
        return None
    return now + _delay(attempts, settings, jitter)


def rest_seconds(failures: int, settings: DeliverySettings, jitter: float) -> float:
    """Decide how long a destination rests after trouble with the peer itself.

    Args:
        failures: Times in a row that the peer was away or rejected us, this one included.
        settings: The delays.
        jitter: A random number in [0, 1).

    Returns:
        Seconds; there is no last try.
    """
    return _delay(failures, settings, jitter).total_seconds()


def _delay(failures: int, settings: DeliverySettings, jitter: float) -> timedelta:
    exponent = min(max(failures - 1, 0), LARGEST_EXPONENT)
    grown = settings.first_retry_seconds * 2.0**exponent
    return _shortened(min(grown, settings.maximum_retry_seconds), jitter)


def _shortened(seconds: float, jitter: float) -> timedelta:
    return timedelta(seconds=seconds * (1.0 - JITTER_SHARE * jitter))
