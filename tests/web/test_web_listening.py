"""The page's connections answer at once."""

from __future__ import annotations

import socket

from triage.web.server import listen


def test_a_connection_sends_every_part_of_an_answer_at_once():
    with listen("127.0.0.1", 0) as listening:
        client = socket.create_connection(listening.getsockname())
        served, _ = listening.accept()
        with client, served:
            assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
