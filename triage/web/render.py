"""Templates: from the facts of a page to its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from triage.web.events import STALE_SECONDS
from triage.web.strings import say, strings_for_scripts

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request


def make_templates() -> Environment:
    """Return the templates; a name that a page does not get is an error, not an empty spot."""
    environment = Environment(
        loader=PackageLoader("triage.web"),
        autoescape=True,
        auto_reload=False,  # a line of the list is not worth a look at the file of its template
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock_time
    environment.filters["moment"] = _day_and_time
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
