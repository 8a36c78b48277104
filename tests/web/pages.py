"""What tests read from a page in a browser."""

from __future__ import annotations

import re

ROWS = "tr.study"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]


def shown(page) -> list[str]:
    """Return the work item UIDs that the page shows, from top to bottom."""
    ids = page.evaluate("[...document.querySelectorAll('tr.study')].map((row) => row.id)")
    return [one.removeprefix("w-") for one in ids]


def focused(page) -> str:
    """Return the work item UID of the line that has the focus."""
    return page.evaluate("document.activeElement.closest('tr.study')?.id ?? ''").removeprefix("w-")


def work_item(morning, study: str) -> str:
    """Return the work item UID of a study."""
    return morning.store.study(study).entry.work_item_uid


def row_of(page, morning, study: str):
    """Return the line of a study."""
    return page.locator(f"[id='w-{work_item(morning, study)}']")


def take_in_hand(page, morning, study: str) -> None:
    """Put the focus on the line of a study."""
    row_of(page, morning, study).locator("a.open").focus()


def texts_of(page) -> list[tuple[str, str, str]]:
    """Return every text that is seen, with its colour and that of its ground."""
    found = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter(
             (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
               && e.checkVisibility({contentVisibilityAuto: true})
               && getComputedStyle(e).clipPath === "none")
           .map((e) => {
             let box = e;
             while (getComputedStyle(box).backgroundColor === "rgba(0, 0, 0, 0)")
               box = box.parentElement;
             return [e.textContent.trim(), getComputedStyle(e).color,
                     getComputedStyle(box).backgroundColor];
           })"""
    )
    return [tuple(one) for one in found]


def luminance(colour: str) -> float:
    """Return the relative luminance of a CSS rgb() colour (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two CSS rgb() colours (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
