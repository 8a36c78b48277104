"""How commands print."""

from __future__ import annotations

from rich.console import Console

PAGE_COLUMNS = 120


def open_console() -> Console:
    """Return a console that leaves lines whole: UIDs are there to be copied and searched for."""
    return Console(highlight=False, soft_wrap=True)


def open_page() -> Console:
    """Return a console for tables; into a file or a pipe goes a page that holds the reasons."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PAGE_COLUMNS)
