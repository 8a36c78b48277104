"""The lines of the list as HTML: written once for what a line shows, and kept.

Writing lines is a third of what a request costs, and most of them show what they showed before:
only their numbers and waiting times run on, for which a kept line leaves room.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from triage.web.listing.lines import Heading
from triage.web.view import cap_share, row_view
from triage.worklist.words import waiting_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from triage.web.listing.lines import Line
    from triage.web.view import Row

_MOST_KEPT: Final = 5_000  # lines, of some 3 KB
# Tags that no text of a study can bring in: whatever it holds is escaped.
_ROOM: Final = Markup("<room>")
_END: Final = Markup("<end>")

_Parts = tuple[str, ...]


class LineTexts:
    """The texts of lines, made by a template where they are not kept.

    Args:
        templates: Holds ``_lines.html``.
        show_patient: The site lets the page tell who patients are.
    """

    def __init__(self, templates: Environment, *, show_patient: bool) -> None:
        self._template = templates.get_template("_lines.html")
        self._show_patient = show_patient
        self._kept: dict[tuple[str, int], _Parts] = {}
        self._lock = Lock()

    def html(self, lines: Sequence[Line]) -> Markup:
        """Return lines as they stand on the page."""
        keys = [(line.key, line.mark) for line in lines]
        with self._lock:
            found = {key: self._kept.pop(key) for key in keys if key in self._kept}
        missing = [number for number, key in enumerate(keys) if key not in found]
        written = self._written([lines[number] for number in missing])
        found |= {keys[number]: parts for number, parts in zip(missing, written, strict=True)}
        with self._lock:
            self._kept |= found  # what was shown last stands last
            for key in list(self._kept)[: max(len(self._kept) - _MOST_KEPT, 0)]:
                del self._kept[key]
        filled = (_filled(line, found[key]) for line, key in zip(lines, keys, strict=True))
        return Markup("".join(filled))  # noqa: S704 - the template has escaped what it was given

    def _written(self, lines: Sequence[Line]) -> list[_Parts]:
        laid_out = [self._laid_out(line) for line in lines]
        text = self._template.render(lines=laid_out, room=_ROOM, end=_END)
        return [tuple(line.split(_ROOM)) for line in text.split(_END)[:-1]]

    def _laid_out(self, line: Line) -> tuple[Row | None, Heading | None]:
        if isinstance(line, Heading):
            return None, line
        row = row_view(
            line.ranked,
            show_patient=self._show_patient,
            feedback=line.feedback,
            outside=line.outside,
        )
        return row, None


def _filled(line: Line, parts: _Parts) -> str:
    """Put into a line what runs on by itself."""
    if isinstance(line, Heading):
        return parts[0]
    ranked = line.ranked
    to_number, to_waited, to_bar, rest = parts
    words = escape(waiting_words(ranked.waited_seconds))
    return f"{to_number}{ranked.position}{to_waited}{words}{to_bar}{cap_share(ranked)}{rest}"
