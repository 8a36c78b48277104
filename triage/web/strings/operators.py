"""The operators' page."""

from __future__ import annotations

from typing import Final

OPERATOR: Final = {
    "operator.effect": "Effect on the reading list",
    "operator.in-force": "In force, in {mode} mode.",
    "operator.paused": "Paused: every study stands where its order alone puts it.",
    "operator.mode.site": "Studies from {name}",
    "operator.brake": "What was done with it",
    "operator.pause": "Pause all effect",
    "operator.pause.what": (
        "Every priority goes back to where it was before any result, and nothing is moved until"
        " somebody resumes. Results are still found and reported. Studies that a reader has"
        " opened stay where they are."
    ),
    "operator.pause.confirm": "Pause now",
    "operator.resume": "Resume effect",
    "operator.resume.what": (
        "Results move the reading list again, as far as the site's mode allows; studies that are"
        " decided are placed at once."
    ),
    "operator.resume.confirm": "Resume now",
    "operator.reason": "Reason, for the history (no patient data)",
    "operator.cancel": "Cancel",
    "operator.processes": "Processes and queues",
    "operator.alive": "Every process gives signs of life.",
    "operator.silent": "No sign of life from: {roles}.",
    "operator.images": "Images",
    "operator.studies": "Studies",
    "operator.oldest": "The oldest image in the queue has waited {time}.",
    "operator.peers": "Destinations and receivers",
    "operator.peer": "Name",
    "operator.last-stored": "Last taken",
    "operator.no-peers": "No destination is configured: reports are written and stay here.",
    "operator.subscribers": "Systems that may subscribe to work items",
    "operator.receivers": "Receivers of priorities",
    "receiver.waiting": "On their way",
    "receiver.moved": "Shown there",
    "receiver.left": "Left to a person there",
    "receiver.alarms": "Alarms",
    "receiver.unconfigured": "no longer configured",
    "receiver-state.pending": "Priority waits to be sent",
    "receiver-state.confirming": "Priority taken, being confirmed",
    "receiver-state.confirmed": "Priority shown",
    "receiver-state.told": "Priority taken",
    "receiver-state.not-moved": "Priority taken, and not shown",
    "receiver-state.left": "Priority left to a person there",
    "receiver-state.unsaid": "No word for this priority there",
    "receiver-state.superseded": "Priority overtaken by a newer one",
    "receiver-state.dead": "Priority given up",
    "operator.models": "Models",
    "operator.bundle": "Bundle",
    "operator.use": "Intended use",
    "operator.digest": "Digest",
    "operator.device": "Device UID",
    "operator.certificate": "Certificate",
    "operator.certified": "Ruling out is certified at {confidence} % confidence, on the data",
    "operator.not-certified": "None: this bundle can raise studies, and never lowers one.",
    "operator.no-bundle": "The bundle cannot be read; triage check says why.",
    "operator.miss-rate": "Certified miss rate",
    "operator.at-most": "at most {percent} %",
    "operator.positives": "Calibration positives",
    "operator.never": "never",
    "operator.gates": "Gates",
    "operator.gates.of": "Of the last {count} films, received since {since}:",
    "operator.gates.of.one": "Of the only film, received at {since}:",
    "operator.gates.quiet": "{count} gates that stopped none of them",
    "operator.gates.quiet.one": "1 gate that stopped none of them",
    "operator.stopped": "Stopped",
    "operator.no-films": "No film has been analysed yet.",
    "operator.errors": "What went wrong",
    "operator.no-errors": "Nothing that is still open.",
    "doubt.report": "Final report of another patient, not taken",
    "doubt.report.what-to-do": (
        "A final report names this study and another patient. The study stays on the list. Compare"
        " with the order system: if it is the same patient under another number, complete the"
        " study on the list by hand; else have the report corrected there."
    ),
    "doubt.order": "Order of another patient, not taken",
    "doubt.order.what-to-do": (
        "An order, a change or a cancellation names this study and another patient. It moved"
        " nothing. Compare with the order system, and have it corrected there and sent again."
    ),
    "events.given-up": "{count} event reports given up",
    "events.given-up.one": "1 event report given up",
    "events.given-up.what-to-do": "{problem}. When that is mended: triage retry {name}",
    "events.waiting": "{count} event reports wait for another try",
    "events.waiting.one": "1 event report waits for another try",
    "events.waiting.what-to-do": "{problem}",
    "events.dropped": "Subscriber {name} unsubscribed: it fetched no event reports",
    "events.dropped.what-to-do": (
        "{count} event reports waited for it, and are forgotten. When it comes back it is told to"
        " subscribe again; [web] subscriber_days and subscriber_events say how long we wait."
    ),
    "state.arriving": "Receiving images",
    "state.complete": "Being analysed",
    "state.decided": "Decided",
}
