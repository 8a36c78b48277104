"""Every English sentence and label of the pages, in one place: for templates, Python and scripts.

A string is named by a key whose first part is where it stands. Facts stand in braces. A key that
ends with ".one" is taken instead of the key itself when its count is 1. What the pages share with
the terminal (names of classes and outcomes, waiting times) is in triage.worklist.words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = {
    "page.skip": "Skip to the content",
    "page.nav": "Pages",
    "page.list": "Reading list",
    "page.operator": "Operator",
    "page.live": "Live",
    "page.stale": "Not up to date",
    "page.refreshed": "Last brought up to date",
    "page.mode": "{mode} mode",
    "page.not-for-diagnosis": "Not for diagnosis.",
    "page.suggestion": (
        "The order is a suggestion: every study stays on the list and is read by a radiologist."
    ),
    "page.paused": "Paused.",
    "page.paused.what": (
        "Re-ordering is switched off and every priority is back where it was. An operator"
        " switches it on again."
    ),
    "page.lost": "Not up to date.",
    "page.lost.what": (
        "The triage service does not answer. This is the list as it was at {moment}: newer"
        " studies are missing. Read from the PACS until this message goes away."
    ),
    "mode.paused": "paused: results do not move the list",
    "mode.exceptions": "(with exceptions)",
    "mode.shadow": "results do not move the list",
    "mode.promote": "suspected abnormal studies are raised",
    "mode.demote": "suspected abnormal studies are raised, likely normal ones lowered",
}
_ACCESS = {
    "access.title": "Log-in",
    "access.log-in": "Log in",
    "access.log-out": "Log out",
    "access.name": "Name",
    "access.password": "Password",
    "access.no-users": "No user has been added yet. An administrator does it on this system:",
    "access.pacs": "Every study stays in the PACS, with or without this page.",
    "access.read-only": "View only.",
    "access.read-only.what": "Nobody can log in yet; an administrator adds the first user:",
}
_LIST = {
    "list.studies": "studies",
    "list.studies.one": "study",
    "list.overdue": "overdue",
    "list.table": "{label}, in reading order",
    "list.position": "Position in the reading order",
    "list.film": "Film",
    "list.priority": "Priority",
    "list.result": "Result and reason",
    "list.waiting": "Waiting",
    "list.at-most": "of at most {cap}",
    "list.patient": "Patient",
    "list.study": "Study",
    "list.images": "Images",
    "list.report": "AI report",
    "list.empty": "No study is waiting to be read. New studies appear here by themselves.",
    "list.more": "More studies come as you scroll.",
    "list.sorted.patient": "All other studies, by patient name",
    "list.sorted.arrival": "All other studies, first come first",
    "list.sorted.location": "All other studies, by location",
    "report.pending": "Pending",
    "report.none": "None",
    "report.written": "{count} written",
    "report.written.one": "Written",
    "row.order": "The order itself is urgent",
    "row.order.spoken": "order",
    "row.capped": "raised by the waiting cap;",
    "row.overdue": "overdue",
    "row.no-film": "no picture yet",
    "row.hidden": "Hidden",
    "row.no-name": "No name",
    "row.no-accession": "No accession number",
    "row.outside": "outside the filter",
    "row.opened": "Open: {reader}",
    "row.held": "Placed by {reader}",
    "row.agree": "Agreed",
    "row.disagree": "Disagreed",
    "spoken.priority": "{priority} priority",
    "spoken.order": "{order} order",
    "spoken.opened": "opened by {reader}",
    "spoken.waiting": "waiting",
}
_FILTERS = {
    "filter.title": "Filters",
    "filter.every": "All",
    "filter.class.0": "Urgent",
    "filter.class.1": "Abnormal",
    "filter.class.2": "Routine",
    "filter.class.3": "Normal",
    "filter.waiting": "Waiting",
    "filter.waiting.any": "any time",
    "filter.waiting.over": "over {time}",
    "filter.location": "Location",
    "filter.location.any": "anywhere",
    "filter.mine": "Mine",
    "filter.mine.what": "Studies that I have opened",
    "filter.text": "Name, ID or accession number",
    "filter.text.short": "Name, ID, accession",
    "filter.sort": "Order",
    "filter.sort.reading": "reading order",
    "filter.sort.arrival": "arrival",
    "filter.sort.patient": "patient name",
    "filter.sort.location": "location",
    "filter.on": "Filtered:",
    "filter.off": "Show all",
    "sort.on": "Not the reading order.",
    "sort.on.what": "The list is sorted by {what}; the numbers tell the reading order.",
    "sort.off": "Back to the reading order",
}
_VIEWER = {
    "viewer.title": "Study in hand",
    "viewer.none": "No study is waiting to be read.",
    "viewer.open-page": "Whole history",
    "viewer.no-picture": "No picture yet",
    "viewer.film": "Image {number}",
    "viewer.saliency": "Heat map",
    "viewer.saliency.of": "Heat map of: {finding}",
    "viewer.saliency.alt": "Where the models looked in image {number}",
    "viewer.landmarks": "Landmarks",
    "viewer.landmarks.alt": "Landmarks of the vertebrae in image {number}",
    "viewer.layers": "Shown over the film",
    "viewer.findings": "Findings",
    "viewer.priors": "Earlier and other studies of this patient",
    "viewer.priors.none": "None is known here under this Patient ID.",
    "viewer.priors.no-id": "The study has no Patient ID: others cannot be told.",
    "viewer.prior-open": "number {position} on the list",
    "viewer.priors.other-person": "other birth date: perhaps not the same person",
    "viewer.other-films": "{count} images more on the study's page",
    "viewer.other-films.one": "1 image more on the study's page",
}
_VERBS = {
    "verb.agree": "Agree",
    "verb.disagree": "Disagree",
    "verb.undo": "Undo",
    "verb.claim": "Open for reading",
    "verb.release": "Release",
    "verb.priority": "Priority by hand",
    "verb.priority.automatic": "automatic again",
    "verb.priority.set": "Set",
    "verb.group": "What to do with this study",
    "done.pause": "Paused: {count} studies went back.",
    "done.pause.one": "Paused: 1 study went back.",
    "done.resume": "Resumed: {count} studies moved.",
    "done.resume.one": "Resumed: 1 study moved.",
    "refused.changed": "This study has changed meanwhile, and nothing was set. Look at it again.",
    "refused.no-priority": "The form does not say which priority this study is to have.",
    "refused.urgent": "The order is urgent: it is lowered where it was placed.",
    "refused.being-read": "Somebody reads this study already.",
    "refused.ended": "This study has been read or cancelled already.",
    "refused.not-claimed": "Nobody has claimed this study.",
    "refused.not-yours": "Somebody else has claimed this study.",
    "refused.nothing-said": "There is nothing of yours to take back here.",
    "refused.no-decision": "The form does not say which decision it speaks of.",
    "refused.decided-anew": (
        "Another decision stands by now, and nothing was recorded. Look at it first."
    ),
    "refused.no-reason": "Give a reason: it stands in the history.",
}
_KEYS = {
    "keys.title": "Keyboard",
    "keys.close": "Close",
    "keys.next": "next study",
    "keys.previous": "previous study",
    "keys.ends": "first and last study",
    "keys.open": "open the study's page",
    "keys.claim": "open for reading, or release",
    "keys.agree": "agree with the result",
    "keys.disagree": "disagree with the result",
    "keys.undo": "take back what you said of it",
    "keys.text": "filter by name, ID or accession number",
    "keys.classes": "show urgent, abnormal, routine or normal studies",
    "keys.every": "show every class",
    "keys.mine": "only what I have opened",
    "keys.clear": "no filter",
    "keys.reading": "back to the reading order",
    "keys.viewer": "show or hide the larger view",
    "keys.layers": "heat map, landmarks",
    "keys.help": "this list of keys",
    "keys.back": "back to the list",
    "keys.more": "all keys",
    "keys.or": "or",
    "keys.moves": "move",
    "keys.turns": "next and previous study",
    "keys.opens": "opens",
    "keys.filters": "filter",
    "keys.claims": "take or release",
}
_STUDY = {
    "study.title": "Study",
    "study.ended": "Study that is off the list",
    "study.place": "Study {position} of {total}",
    "study.neighbours": "Neighbours on the list",
    "study.previous": "previous",
    "study.next": "next",
    "study.summary": "Summary",
    "study.hidden": "Patient hidden",
    "study.waiting": "Waiting",
    "study.of": "of {cap}",
    "study.image": "Image {number}",
    "study.version": ", version {number}",
    "study.superseded": ", replaced by a newer version",
    "study.try": "(try {number})",
    "study.finding": "Finding",
    "study.certainty": "Certainty",
    "study.models": "Models",
    "study.flag": "Flag at",
    "study.rule-out": "Ruled out below",
    "study.verdict": "Verdict",
    "study.gate": "Gate",
    "study.result": "Result",
    "study.measured": "Measured",
    "study.limit": "Limit",
    "study.passed": "Passed",
    "study.failed": "Failed",
    "study.gates.passed": "{count} gates passed",
    "study.gates.passed.one": "1 gate passed",
    "study.others": "Other objects",
    "study.object": "Object",
    "study.from": "from {sender}",
    "study.reports": "AI reports and messages",
    "study.no-destination": "Written; no destination is configured.",
    "study.no-report": "None yet.",
    "study.tries": "after {count} tries",
    "study.tries.one": "after 1 try",
    "study.next-try": ", next at {moment}",
    "study.history": "History",
    "study.identifiers": "Identifiers",
    "study.uid": "Study",
    "study.work-item": "Work item",
    "study.bundle": "Bundle",
    "verdict.flagged": "Suspected",
    "verdict.ruled-out": "Ruled out",
    "verdict.neither": "Undecided",
    "verdict.seen": "Seen",
    "verdict.not-seen": "Not seen",
    "verdict.unknown": "From another bundle",
    "verdict.not-counted": "Not counted: a gate failed",
    "image.queued": "Waiting for analysis",
    "image.claimed": "Being analysed",
    "image.analysed": "Analysed",
    "image.set-aside": "Set aside: could not be analysed",
    "image.not-eligible": "Not analysed: no model takes it",
    "image.header-only": "Kept as a header only",
    "delivery.pending": "Waiting to be sent",
    "delivery.sending": "Being sent",
    "delivery.stored": "Stored",
    "delivery.dead": "Given up",
    "event.stored": "Report stored at {destination}",
    "event.listed": "On the list, under {title}",
    "event.moved": "Moved from {before} to {after}",
    "event.received": "{what} received",
    "event.version": ", version {number}",
    "event.from": "{modality} from {sender}, {size}",
    "event.analysed": "{what} analysed",
    "event.gates": "{count} gates failed",
    "event.gates.one": "1 gate failed",
    "event.mode": "{mode} mode",
    "event.spared": "left in place for the audit share",
    "event.decision": "Decision {number}: {outcome}",
    "event.told": "Message acknowledged by {receiver}",
    "event.report": "Report written",
    "event.by": "{by}: {reason}",
    "event.of": "of decision {number}",
    "event.agree": "{reader} agrees",
    "event.disagree": "{reader} disagrees",
    "event.undo": "{reader} took back what they said",
}
_OPERATOR = {
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
    "event.receiver": "{what} at {receiver}",
    "event.receiver.detail": "{before} → {after}; {answer}",
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
    "state.arriving": "Receiving images",
    "state.complete": "Being analysed",
    "state.decided": "Decided",
}
_HISTORY = {
    "by.ai": "AI result",
    "by.order": "Order",
    "by.cap": "Waiting cap",
    "by.brake": "Operator's brake",
    "by.mode": "Mode of the site",
    "by.arrival": "Arrival",
    "step.scheduled": "Waits to be read ({by})",
    "step.in_progress": "Opened by {by}",
    "step.completed": "Read ({by})",
    "step.canceled": "Not to be read any more ({by})",
}
_REFUSALS = {
    "error.title.401": "Log in first",
    "error.title.403": "Not allowed",
    "error.title.404": "Not found",
    "error.title.405": "Not possible",
    "error.title.409": "Not done",
    "error.title.421": "Not this site",
    "error.title.429": "Wait a moment",
    "error.title.503": "Not available at the moment",
    "error.title": "Something is wrong",
    "error.back": "Back to the reading list",
    "error.nothing-here": "There is nothing at this address.",
    "error.read-only": "This address can only be read.",
    "error.fault": (
        "The service met a fault of its own; it is in the log. Read from the PACS meanwhile."
    ),
    "error.not-listed": "This study is not on the list.",
    "error.no-thumbnail": "There is no thumbnail.",
    "error.no-film": "This study has no such film.",
    "error.not-decoded": "This film has not been decoded.",
    "error.no-landmarks": "No landmarks are kept of this film.",
    "error.no-saliency": "It is not kept where the networks looked.",
    "error.question": "The page asked for something that it cannot have; reload it.",
    "error.page": "A page of the list has 1 to {most} entries, behind a place that a page named.",
    "error.login": "Name or password is not right.",
    "error.no-users": "Nobody can log in yet: an administrator adds users with triage user add.",
    "error.proxy-name": "The name that the proxy gives cannot be used here.",
    "error.disabled": "This user is disabled here.",
    "error.twice": "The header Authorization stands there twice.",
    "error.token": "This token is not known, or no longer.",
    "error.scheme": "Log in with Basic or with a Bearer token.",
    "error.header": "The header Authorization cannot be read.",
    "error.host": "This name is not one of this site's: an administrator adds it to host_names.",
    "error.origin": "This was asked by the page of another site.",
    "error.nobody": "Log in first.",
    "error.no-role": "This user has no role here; an administrator gives one.",
    "error.stale-form": "This page was out of date, and nothing was changed. Load it again.",
    "error.long-form": "This form is too long.",
    "error.form": "This form cannot be read.",
    "error.role": "This needs a log-in with the role {role}.",
    "error.tries": "Too many tries went wrong. Wait {count} seconds, then try again.",
    "error.tries.one": "Too many tries went wrong. Wait 1 second, then try again.",
    "error.not-shown": "This film cannot be shown.",
    "error.no-room": "The disk has no room for this view.",
    "error.films": "Too many films are opened at once.",
    "error.class": "The list was asked for a class that there is not; reload the page.",
    "error.number": "The list was asked for a number that is none; reload the page.",
    "error.long-text": "A filter holds at most {count} characters; shorten it.",
    "error.sort": "The list cannot be sorted by that; reload the page.",
    "error.streams": "Too many pages are open; close some.",
}
# What the scripts say; they get these by their keys without "script.".
_SCRIPT = {
    "script.minute.less": "<1 min",
    "script.minutes": "{minutes} min",
    "script.hours": "{hours} h {minutes} min",
    "script.days": "{days} d {hours} h",
    "script.shown": "{shown} of {total} studies are shown.",
    "script.shown.more": "The first {shown} of {total} studies are shown.",
    "script.outside": "{count} urgent orders outside the filter are shown all the same.",
    "script.outside.one": "1 urgent order outside the filter is shown all the same.",
    "script.most": "The list shows no more than {count} studies; filter to find others.",
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
STRINGS: Mapping[str, str] = MappingProxyType(
    _PAGE
    | _ACCESS
    | _LIST
    | _FILTERS
    | _VIEWER
    | _VERBS
    | _KEYS
    | _STUDY
    | _OPERATOR
    | _HISTORY
    | _REFUSALS
    | _SCRIPT
)


def say(key: str, **facts: object) -> str:
    """Return a string with its facts filled in.

    Args:
        key: Its name.
        facts: What stands in braces; a `count` of 1 chooses the singular where there is one.

    Raises:
        KeyError: There is no such string, or a fact of it is missing.
    """
    singular = f"{key}.one"
    text = STRINGS[singular if facts.get("count") == 1 and singular in STRINGS else key]
    return text.format(**facts) if facts else text


def strings_for_scripts() -> dict[str, str]:
    """Return what the scripts say, by the keys that they know."""
    prefix = "script."
    return {
        key.removeprefix(prefix): text for key, text in STRINGS.items() if key.startswith(prefix)
    }
