"""Modalities: DCMTK and pynetdicom as senders, told what answer to expect."""

from __future__ import annotations

import io
import struct
import subprocess
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from tests.waiting import until
from triage.delivery.reactor import HELD_REACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from triage.demo.stage import Daemon

# How storescu is told to propose a file's own transfer syntax.
PROPOSE = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


def storescu(daemon: Daemon, files: Sequence[Path], syntax: str = "") -> None:
    """Send files by DCMTK's storescu in one association, in one transfer syntax."""
    syntax = syntax or str(dcmread(files[0], stop_before_pixels=True).file_meta.TransferSyntaxUID)
    listener = daemon.settings.listener
    where = ["-aec", listener.ae_title, listener.address, str(listener.port)]
    subprocess.run(
        ["storescu", PROPOSE[syntax], *where, *map(str, files)],
        check=True,
        capture_output=True,
        timeout=120,
    )


def send_as_it_is(daemon: Daemon, path: Path) -> int:
    """Send the data set of a file byte for byte, whatever it holds; return the answered status."""
    meta, content = read_file_meta_info(path), path.read_bytes()
    end_of_meta = 144 + struct.unpack("<I", content[140:144])[0]
    entity = AE("ROUTER")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    entity.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    listener = daemon.settings.listener
    association = entity.associate(
        listener.address,
        listener.port,
        ae_title=listener.ae_title,
        evt_handlers=[HELD_REACTOR],
    )
    assert association.is_established, path.name
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = meta.MediaStorageSOPClassUID
    request.AffectedSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    request.Priority = 2
    request.DataSet = io.BytesIO(content[end_of_meta:])
    (context,) = association.accepted_contexts
    # As the library's own senders do: its reactor must not take the answer from us.
    association._reactor_checkpoint.clear()
    until(lambda: association._is_paused, "the library's reactor rests")
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    assert answer is not None, path.name
    return int(answer.Status)
