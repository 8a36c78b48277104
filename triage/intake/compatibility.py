"""Whether pynetdicom is inside as it was when the hot path was built upon it.

The hot path drives parts of the library that are not documented. A release that changes them must
not change, silently, what we do: their source is compared with what we know, and where it differs
the listener takes the stock path, which needs nothing but what is documented, and says so.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import io
import textwrap
import tokenize
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is relied upon, by module and name, with a digest of its source: the same in pynetdicom
# 3.0.0, 3.0.1, 3.0.3 and 3.0.4.
KNOWN: Mapping[str, str] = {
    "association:Association.__init__": "382e1b8614589739",
    "association:Association.run_reactor": "db96d2939e1f4e22",
    "association:Association.set_socket": "e6df799be92f2ff3",
    "association:Association.kill": "283206c99343f709",
    "association:Association._abort_blocking": "cd30c5476f6d8b24",
    "association:Association._serve_request": "5cb82f70879919a5",
    "acse:ACSE.__init__": "2f06234cf41a6e1f",
    "acse:ACSE._negotiate_as_acceptor": "1871500ece05fe0f",
    "acse:ACSE.is_aborted": "c91caf8162cebf1f",
    "acse:ACSE.is_release_requested": "d4fe5eee340ebd76",
    "acse:ACSE.send_abort": "4d9b8ee34a29da82",
    "acse:ACSE.send_accept": "f2b4268ee33a1c16",
    "acse:ACSE.send_reject": "206a2783226b6d9f",
    "acse:ACSE.send_release": "dd16851cd6ae1ea0",
    "dimse:DIMSEServiceProvider.__init__": "5bd6bdc12eae9c2c",
    "dimse:DIMSEServiceProvider.send_msg": "2f1434c6883af6fc",
    "dimse_messages:DIMSEMessage.decode_msg": "ef33ebe5fb4dde93",
    "dimse_messages:DIMSEMessage.message_to_primitive": "47add115c4030685",
    "dul:DULServiceProvider.__init__": "a0def414deb4e4f1",
    "dul:DULServiceProvider._decode_pdu": "506be765bd56c529",
    "dul:DULServiceProvider._process_recv_primitive": "7b83caa72ba2434e",
    "dul:DULServiceProvider._send": "d8accf55aee10b46",
    "dul:DULServiceProvider.send_pdu": "5b61a10deab8acb4",
    "dul:DULServiceProvider.receive_pdu": "63817d98b7817dfd",
    "dul:DULServiceProvider.peek_next_pdu": "5292346d916734ba",
    "transport:AssociationSocket.__init__": "ad5029828db9252a",
    "transport:AssociationSocket.close": "2009f940f33da374",
    "transport:AssociationSocket.send": "a9d30b6f51a79d02",
    "fsm": "72c33f74ad4f8449",
}


def changed_parts(known: Mapping[str, str] = KNOWN) -> tuple[str, ...]:
    """Return the names of the relied-upon parts that are not as they were known."""
    return tuple(name for name, digest in known.items() if digest_of(name) != digest)


def digest_of(name: str) -> str:
    """Return a digest of a part's source, without comments, docstrings and white space.

    It is the same under every release of Python; empty when there is no such part or no source.
    """
    module, _, path = name.partition(":")
    try:
        part: Any = importlib.import_module(f"pynetdicom.{module}")
        for step in filter(None, path.split(".")):
            part = getattr(part, step)
        source = textwrap.dedent(inspect.getsource(part))
    except (ImportError, AttributeError, OSError, TypeError):
        return ""
    return hashlib.sha256(_bare(source).encode()).hexdigest()[:16]


def _bare(source: str) -> str:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for first, last in _docstrings(ast.parse(source)):
        lines[first - 1 : last] = [""] * (last - first + 1)
    return "".join("".join(lines).split())


def _docstrings(tree: ast.AST) -> list[tuple[int, int]]:
    """Return the first and the last line of each docstring."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            text = node.body[0]
            found.append((text.lineno, text.end_lineno or text.lineno))
    return found
