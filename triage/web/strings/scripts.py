"""What the scripts say: they get these by their keys, without what stands before the first dot."""

from __future__ import annotations

from typing import Final

SCRIPT: Final = {
    "script.minute.less": "<1 min",
    "script.minutes": "{minutes} min",
    "script.hours": "{hours} h {minutes} min",
    "script.days": "{days} d {hours} h",
    "script.shown": "{shown} of {total} studies are shown.",
    "script.shown.more": "The first {shown} of {total} studies are shown.",
    "script.outside": "{count} urgent orders outside the filter are shown all the same.",
    "script.outside.one": "1 urgent order outside the filter is shown all the same.",
    "script.most": "The list shows no more than {count} studies; filter to find others.",
    "script.more": "The first {shown} of {total} studies; more come as you scroll.",
    "script.none": "No study matches the filter.",
    "script.first-choose": "Choose a study first, with j or a click.",
    "script.done.priority": "Set: nothing moves this study any more, until it is automatic again.",
    "script.done.agree": "Noted: you agree with the result.",
    "script.done.disagree": "Noted: you disagree with the result.",
    "script.done.undo": "Taken back.",
    "script.done.claim": "Opened: nothing moves this study any more.",
    "script.done.release": "Released.",
    "script.not-now": "That cannot be done with this study now.",
    "script.failed": "That did not reach the service: try again.",
}
