"""What the README shows of the worklist over UPS, run as it is written there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from tests.ups.site import ROOT, get

README = (ROOT / "README.md").read_text()


def block(language: str, begins: str) -> str:
    """Return the block of the README that begins so."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [one for one in blocks if one.startswith(begins)]
    return str(found)


def run(command: list[str], **options) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_query_by_pynetdicoms_findscu_answers_with_the_list(own_site):
    site = own_site()
    site.receive_study(patient_name="Roe^Jane")
    site.start("listener")
    shown = block("sh", "python -m pynetdicom findscu").replace("11112", str(site.port))
    command = shlex.split(shown.replace("\\\n", " "))
    told = run([sys.executable, *command[1:]], cwd=site.folder)
    assert "Roe^Jane" in told
    assert "MEDIUM" in told


def test_the_viewer_claims_the_first_study_that_nobody_has(own_site):
    site = own_site()
    first, second = site.receive_study(), site.receive_study()
    site.start("listener")
    viewer = block("python", "from pydicom.dataset import Dataset\nfrom pydicom.uid")
    viewer = viewer.replace("11112", str(site.port))
    studies = [run([sys.executable, "-W", "error", "-c", viewer]).strip() for _ in range(2)]
    with site.associated() as reader:
        items = [get(reader, uid) for uid in (first, second)]
    assert [item.ProcedureStepState for item in items] == ["IN PROGRESS"] * 2
    assert studies == [f"reading {item.StudyInstanceUID}" for item in items]
