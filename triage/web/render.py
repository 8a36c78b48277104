"""Templates: from the facts of a page to its text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from triage.web.events import STALE_SECONDS
from triage.web.strings import say, strings_for_scripts
from triage.worklist.words import waiting_words

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

_LEAST_SHOWN = 0.1  # percent that one decimal can tell
_LEAST = 0.001  # percent that three decimals can tell


@cache
def make_templates() -> Environment:
    """Return the templates; a name that a page does not get is an error, not an empty spot.

    They hold nothing of a site, and compiling them costs more than filling them: once a process.
    """
    environment = Environment(
        loader=PackageLoader("triage.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock_time
    environment.filters["moment"] = _day_and_time
    environment.filters["day"] = _day
    environment.filters["percent"] = _percent
    environment.filters["certainty"] = _certainty
    environment.filters["waiting"] = waiting_words
    environment.globals["say"] = say
    environment.globals["strings_for_scripts"] = strings_for_scripts
    return environment


def render(request: Request, name: str, **facts: object) -> str:
    """Return a template's text."""
    templates: Environment = request.app.state.templates
    return templates.get_template(name).render(facts)


def whole_page(request: Request, name: str, **facts: object) -> str:
    """Return a page that stays up to date."""
    return render(request, name, stale_seconds=STALE_SECONDS, **facts)


def _clock_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")


def _day_and_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")


def _percent(share: float) -> str:
    """Return a threshold; one that would look like nothing is told with more decimals."""
    percent = 100 * share
    decimals = 1 if percent >= _LEAST_SHOWN or percent == 0 else 3
    return f"{percent:.{decimals}f} %" if percent == 0 or percent >= _LEAST else f"<{_LEAST} %"


def _certainty(share: float, decimals: int = 0) -> str:
    """Return a probability in percent; no model is ever quite certain, nor sure of nothing."""
    least = 10.0**-decimals
    percent = 100 * share
    if percent < least:
        return f"<{least:.{decimals}f} %"
    if percent > 100 - least:
        return f">{100 - least:.{decimals}f} %"
    return f"{percent:.{decimals}f} %"
