"""What the README shows of the list over the web, run as it is written there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from tests.web.dicomweb.items import performed, pushed, value
from triage.uids import new_uid

USER_ADDED = "triage user add viewer --machine --role reader       # prints the token\n"


def block(root, language, contains):
    """Return the block of the README that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    (found,) = [one for one in blocks if contains in one]
    return found


def test_the_shell_session_claims_completes_pushes_and_subscribes(
    morning, ups, root, require_program, tmp_path
):
    require_program("curl")
    morning.receive()
    uid = morning.store.worklist_entries()[0].work_item_uid
    shown = block(root, "sh", "LIST=http")
    assert USER_ADDED in shown
    script = shown.replace(USER_ADDED, "").replace("Bearer TOKEN", f"Bearer {ups.token}")
    script = script.replace("http://localhost:8080/dicomweb", ups.url)
    (tmp_path / "performed.json").write_text(json.dumps(performed()))
    item = {tag: each for tag, each in pushed().items() if tag != "00080018"}
    (tmp_path / "workitem.json").write_text(json.dumps(item))
    names = {"UID": uid, "LOCK": new_uid(), "NEW_UID": new_uid(), "NO_PROXY": "*"}
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert value(ups.retrieve(uid), "00741000") == "COMPLETED"
    assert value(ups.retrieve(names["NEW_UID"]), "00741000") == "SCHEDULED"
    assert morning.store.watchers() == ()


def test_the_listener_hears_an_event(morning, ups, root, tmp_path):
    morning.receive()
    uid = morning.store.worklist_entries()[0].work_item_uid
    ups.subscribe(uid, "VIEWER").raise_for_status()
    (tmp_path / "viewer.auth").write_text(f"Authorization: Bearer {ups.token}\n")
    shown = block(root, "python", "websockets.sync.client")
    address = ups.url.replace("http://", "ws://")
    script = shown.replace("ws://localhost:8080/dicomweb", address)
    # The first event is there already; the README's own loop waits for more.
    script = script.replace("print(event)\n", "print(event)\n        break\n")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert value(json.loads(done.stdout), "00741000") == "SCHEDULED"
