"""Which media types a request accepts, and which one its payload has (PS3.18 section 8.7): pure.

The service speaks the DICOM JSON model. XML, which a browser's defaults never ask for either, is
answered with 406 and 415.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.web.dicomweb.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DICOM_JSON = "application/dicom+json"
JSON = "application/json"  # what older clients call the same content

_RANGES = ("application/*", "*/*")
_NOT_ACCEPTABLE = 406
_UNSUPPORTED = 415


def answer_type(accept: str) -> str:
    """Return the media type to answer in.

    Args:
        accept: The Accept header fields, joined by commas; empty when there is none.

    Raises:
        RequestError: None of the acceptable types can be had (406).
    """
    if not accept.strip():
        return DICOM_JSON
    weights = {name: _weight(parameters) for name, parameters in _media_types(accept)}
    for candidate in (DICOM_JSON, JSON):
        named = next((name for name in (candidate, *_RANGES) if name in weights), None)
        if named is not None and weights[named] > 0:
            return candidate
    raise RequestError(f"this service answers in {DICOM_JSON} only; accept that", _NOT_ACCEPTABLE)


def check_payload_type(content_type: str, content_encoding: str) -> None:
    """Refuse a payload that is not the DICOM JSON model in UTF-8.

    Args:
        content_type: The Content-Type header field, empty when there is none.
        content_encoding: The Content-Encoding header field, empty when there is none.

    Raises:
        RequestError: It is something else (415).
    """
    name, parameters = next(_media_types(content_type), ("", {}))
    charset = parameters.get("charset", "utf-8")
    if name not in (DICOM_JSON, JSON) or charset not in ("utf-8", "utf8"):
        raise RequestError(f"the payload must be {DICOM_JSON} in UTF-8", _UNSUPPORTED)
    if content_encoding.strip().lower() not in ("", "identity"):
        raise RequestError("the payload must not be compressed", _UNSUPPORTED)


def _media_types(field: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the media types of a header field, with their parameters, all in lower case."""
    for part in field.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        yield name, {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _weight(parameters: Mapping[str, str]) -> float:
    """Return the weight that an Accept header field gives; what is no number counts as 1."""
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0
