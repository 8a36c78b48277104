"""Work items as other systems write them, and a UPS-RS client of a running site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from websockets.sync.client import connect

from triage.uids import new_uid

if TYPE_CHECKING:
    import httpx
    from websockets.sync.client import ClientConnection

DICOM_JSON = "application/dicom+json"


def value(item, tag):
    """Return the first value of an attribute, None when it is empty or not there."""
    return (item.get(tag, {}).get("Value") or [None])[0]


def attribute(vr, *values):
    """Return an attribute of the DICOM JSON model."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(scheme_code, scheme, meaning):
    """Return a coded sequence of one item."""
    return attribute(
        "SQ",
        {
            "00080100": attribute("SH", scheme_code),
            "00080102": attribute("SH", scheme),
            "00080104": attribute("LO", meaning),
        },
    )


def pushed(number=1, **changes):
    """Return a work item as another system creates it (PS3.4 Table CC.2.5-3)."""
    return {
        "00080018": attribute("UI", f"1.2.826.0.1.{number}"),
        "00100010": attribute("PN", {"Alphabetic": f"Quixworth^Zebulon {number}"}),
        "00100020": attribute("LO", f"Q{number}"),
        "00100021": attribute("LO"),
        "00100030": attribute("DA", "19440511"),
        "00100040": attribute("CS", "M"),
        "00081080": attribute("LO"),
        "00081084": attribute("SQ"),
        "00380010": attribute("LO"),
        "00380014": attribute("SQ"),
        "00404005": attribute("DT", "20250304093000"),
        "00404018": code("110005", "DCM", "Interpretation"),
        "00404021": attribute("SQ"),
        "00404025": attribute("SQ"),
        "00404026": attribute("SQ"),
        "00404027": attribute("SQ"),
        "00404034": attribute("SQ"),
        "00404041": attribute("CS", "READY"),
        "0040A370": attribute("SQ", {"00080050": attribute("SH", f"ACC{number}")}),
        "00741000": attribute("CS", "SCHEDULED"),
        "00741002": attribute("SQ"),
        "00741200": attribute("CS", "MEDIUM"),
        "00741202": attribute("LO", "C-SPINE READING"),
        "00741204": attribute("LO", "Read cervical spine radiographs"),
        "00741210": attribute("SQ"),
        "00741216": attribute("SQ"),
        **changes,
    }


def performed():
    """Return what a reader sets before completing an item (PS3.4 Table CC.2.5-3)."""
    return {
        "00741216": attribute(
            "SQ",
            {
                "00404028": code("READER7", "99SITE", "Reading room 7"),
                "00404050": attribute("DT", "20250304100000"),
                "00404051": attribute("DT", "20250304101500"),
                "00404019": code("110005", "DCM", "Interpretation"),
                "00404033": attribute(
                    "SQ",
                    {
                        "0040E020": attribute("CS", "DICOM"),
                        "0020000D": attribute("UI", "1.2.3"),
                        "0020000E": attribute("UI", "1.2.3.4"),
                        "00081199": attribute(
                            "SQ",
                            {
                                "00081150": attribute("UI", "1.2.840.10008.5.1.4.1.1.88.33"),
                                "00081155": attribute("UI", "1.2.3.4.5"),
                            },
                        ),
                    },
                ),
            },
        )
    }


def state(target, transaction_uid=""):
    """Return the payload of a request to change the state."""
    asked = {"00741000": attribute("CS", target)}
    if transaction_uid:
        asked["00081195"] = attribute("UI", transaction_uid)
    return asked


class UpsClient:
    """A UPS-RS client of a running site, with the words of the transactions."""

    def __init__(self, http: httpx.Client, url: str, token: str) -> None:
        self.http = http
        self.url = f"{url}/dicomweb"
        self.token = token
        http.headers["Authorization"] = f"Bearer {token}"
        http.timeout = 60  # a long list on a machine that is busy

    def get(self, path="/workitems", **options) -> httpx.Response:
        return self.http.get(self.url + path, **options)

    def send(self, method, path, content=None, **headers) -> httpx.Response:
        body = None if content is None else json.dumps(content)
        kind = {} if content is None else {"Content-Type": DICOM_JSON}
        return self.http.request(method, self.url + path, content=body, headers=kind | headers)

    def create(self, number=1, **changes) -> str:
        answer = self.send("POST", "/workitems", pushed(number, **changes))
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"].rpartition("/")[2]

    def retrieve(self, uid):
        answer = self.get(f"/workitems/{uid}")
        assert answer.status_code == 200, answer.text
        (item,) = answer.json()
        return item

    def search(self, **parameters):
        answer = self.get(params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def claim(self, uid) -> str:
        transaction_uid = new_uid()
        answer = self.change(uid, "IN PROGRESS", transaction_uid)
        assert answer.status_code == 200, answer.text
        return transaction_uid

    def change(self, uid, target, transaction_uid="") -> httpx.Response:
        return self.send("PUT", f"/workitems/{uid}/state", state(target, transaction_uid))

    def complete(self, uid) -> None:
        transaction_uid = self.claim(uid)
        self.send("POST", f"/workitems/{uid}?{transaction_uid}", performed()).raise_for_status()
        self.change(uid, "COMPLETED", transaction_uid).raise_for_status()

    def subscribe(self, uid, title, **parameters) -> httpx.Response:
        path = f"/workitems/{uid}/subscribers/{title}"
        return self.http.post(self.url + path, params=parameters)

    def listen(self, title) -> ClientConnection:
        """Open the WebSocket of a subscriber."""
        address = self.url.replace("http://", "ws://") + f"/ws/subscribers/{title}"
        who = {"Authorization": f"Bearer {self.token}"}
        return connect(
            address, additional_headers=who, proxy=None, open_timeout=20, close_timeout=5
        )


def hear(websocket) -> dict[str, object]:
    """Return the next event report."""
    return json.loads(websocket.recv(timeout=20))
