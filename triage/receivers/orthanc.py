"""Orthanc as a receiver: labels of studies from 1.12, metadata of studies before.

Metadata are numbered from 1024 where a site sets its own; a label is there or is not, so that
each word is one. Where an Orthanc keeps revisions of metadata ("CheckRevisions"), a write that
somebody else's came before is refused by it (HTTP 409).
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from triage.delivery.association import PeerError, Trouble
from triage.errors import SettingsError
from triage.receivers.receiver import Acknowledgement, NotTakenError, Standing, Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.receivers.receiver import Change
    from triage.settings import OrthancReceiver
    from triage.store import ReceiverStudy

WORDS: Final = Words(
    raised="HIGH",
    lowered="LOW",
    urgency={"": 1, "LOW": 0, "ROUTINE": 1, "MEDIUM": 1, "HIGH": 2, "STAT": 2},
)
LABELS: Final = {"HIGH": "priority-high", "LOW": "priority-low"}
FIRST_WITH_LABELS: Final = (1, 12)
_LONGEST_ANSWER_BYTES = 2**20
_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """What Orthanc answered to one request."""

    status: int
    content: bytes
    revision: str


@dataclass(slots=True)
class Orthanc:
    """An Orthanc that takes priorities over its REST interface.

    Args:
        settings: Where it is, and how we log in.
        timeout_seconds: Bound on each wait for it.
    """

    settings: OrthancReceiver
    timeout_seconds: float
    words: Words = WORDS
    can_be_asked: bool = True
    _labels: bool | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.settings.name

    def describe(self) -> str:
        """Ask who answers; what `triage check` tells of it.

        Raises:
            PeerError: Nobody answers, or it refuses us.
        """
        how = "labels" if self._has_labels() else f"metadata {self.settings.metadata}"
        return f"Orthanc {self._version()} at {self.settings.url} takes priorities as {how}"

    def standing(self, study: ReceiverStudy) -> Standing | None:
        """Ask what Orthanc shows for a study; None when it does not have the study."""
        identifier = self._find(study)
        if identifier is None:
            return None
        if self._has_labels():
            found = json.loads(self._must("GET", f"/studies/{identifier}/labels").content)
            return Standing(next((word for word, one in LABELS.items() if one in found), ""))
        answer = self._ask("GET", self._metadata(identifier))
        if answer.status == HTTPStatus.NOT_FOUND:
            return Standing("")
        content = _checked(self, answer).content.decode("utf-8", "replace")
        return Standing(content.strip(), revision=answer.revision)

    def apply(self, change: Change) -> Acknowledgement:
        """Have Orthanc show a word for a study."""
        identifier = self._find(change.study)
        if identifier is None:
            raise NotTakenError(f"{self.name} no longer has this study", refused=False)
        if self._has_labels():
            return self._label(identifier, change.value)
        held = {"If-Match": change.standing.revision} if change.standing.revision else {}
        if change.value:
            answer = self._ask("PUT", self._metadata(identifier), change.value.encode(), held)
        else:
            answer = self._ask("DELETE", self._metadata(identifier), headers=held)
        return Acknowledgement(f"HTTP {_checked(self, answer).status}")

    def _label(self, identifier: str, value: str) -> Acknowledgement:
        # The new one first: should we be cut off between the two, nothing looks like an edit.
        wanted = LABELS.get(value)
        answer = None
        if wanted is not None:
            answer = self._must("PUT", f"/studies/{identifier}/labels/{wanted}")
        for label in LABELS.values():
            if label != wanted:
                answer = self._must("DELETE", f"/studies/{identifier}/labels/{label}")
        return Acknowledgement(f"HTTP {answer.status if answer else HTTPStatus.OK}")

    def _metadata(self, identifier: str) -> str:
        return f"/studies/{identifier}/metadata/{self.settings.metadata}"

    def _find(self, study: ReceiverStudy) -> str | None:
        """Return Orthanc's own identifier of a study."""
        answer = self._must("POST", "/tools/lookup", study.study_instance_uid.encode())
        found = [one["ID"] for one in json.loads(answer.content) if one["Type"] == "Study"]
        if len(found) > 1:
            raise NotTakenError(
                f"{self.name} has this study under {len(found)} patients; merge them there",
                refused=True,
            )
        return str(found[0]) if found else None

    def _has_labels(self) -> bool:
        if self._labels is None:
            # A version that names itself otherwise, such as "mainline", is newer than any.
            numbers = re.match(r"(\d+)\.(\d+)", self._version())
            self._labels = not numbers or (int(numbers[1]), int(numbers[2])) >= FIRST_WITH_LABELS
        return self._labels

    def _version(self) -> str:
        return str(json.loads(self._must("GET", "/system").content)["Version"])

    def _must(self, method: str, path: str, body: bytes | None = None) -> Answer:
        return _checked(self, self._ask(method, path, body))

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once; every wait is bounded."""
        parts = urlsplit(self.settings.url)
        connection = self._connection()
        try:
            connection.request(method, parts.path + path, body, {**(headers or {}), **self._user()})
            response = connection.getresponse()
            content = response.read(_LONGEST_ANSWER_BYTES)
            return Answer(response.status, content, response.headers.get("ETag", ""))
        except ssl.SSLCertVerificationError as error:
            raise PeerError(
                Trouble.UNWELCOME,
                f"{self.name} shows a certificate that is not trusted ({error.verify_message});"
                " name its authority under authorities",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise PeerError(
                Trouble.AWAY,
                f"{self.name} gives no answer at {self.settings.url} ({_why(error)}); check that"
                " it runs, its url, and the firewall between",
            ) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.settings.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=self.timeout_seconds)
        context = ssl.create_default_context(cafile=self.settings.authorities)
        return http.client.HTTPSConnection(
            host, parts.port, timeout=self.timeout_seconds, context=context
        )

    def _user(self) -> dict[str, str]:
        if not self.settings.user:
            return {}
        known = f"{self.settings.user}:{self._password()}"
        return {"Authorization": "Basic " + base64.b64encode(known.encode()).decode()}

    def _password(self) -> str:
        path = self.settings.password_file
        if path is None:
            return ""
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"orthanc_receivers.password_file: {path} cannot be read ({error.strerror}); give"
                " the group of the service read access (chgrp cspine-triage, chmod 640)"
            ) from error


def _checked(orthanc: Orthanc, answer: Answer) -> Answer:
    """Return a good answer; raise what another one means."""
    status = answer.status
    if status in _GOOD:
        return answer
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise PeerError(
            Trouble.UNWELCOME,
            f"{orthanc.name} does not let us in (HTTP {status}); correct user and password_file",
        )
    if status == HTTPStatus.CONFLICT:
        raise NotTakenError(f"{orthanc.name}: somebody else wrote first", refused=False)
    refused = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED)
    raise NotTakenError(f"{orthanc.name} answered HTTP {status}", refused=refused)


def _why(error: Any) -> str:  # noqa: ANN401 - errors of two families
    return str(getattr(error, "strerror", None) or type(error).__name__)
