"""Which media types are accepted in answers and payloads."""

from __future__ import annotations

import pytest

from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.media_types import answer_type, check_payload_type


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/dicom+json", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/dicom+json, application/json", "application/dicom+json"),
        ("Application/DICOM+JSON; charset=utf-8", "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml", */*;q=0.1', "application/dicom+json"),
        ("application/dicom+json;q=0, */*", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/dicom+json"),
        ("*/*;q=much", "application/dicom+json"),
    ],
)
def test_what_a_request_accepts_is_answered(accept, answered):
    assert answer_type(accept) == answered


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/dicom+xml",
        'multipart/related; type="application/dicom+xml"',
        "application/dicom+json;q=0",
        "*/*;q=0",
        ",;,",
    ],
)
def test_an_answer_that_cannot_be_given_is_406(accept):
    with pytest.raises(RequestError, match="answers in application") as raised:
        answer_type(accept)
    assert raised.value.status == 406


@pytest.mark.parametrize(
    "content_type",
    [
        "application/dicom+json",
        "application/json",
        'application/dicom+json; charset="UTF-8"',
        "APPLICATION/DICOM+JSON;CHARSET=utf8",
    ],
)
def test_the_json_model_is_taken(content_type):
    check_payload_type(content_type, "identity")


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("", ""),
        ("text/plain", ""),
        ("application/dicom+xml", ""),
        ("application/x-www-form-urlencoded", ""),
        ("application/dicom+json; charset=latin1", ""),
        ("application/dicom+json", "gzip"),
    ],
)
def test_any_other_payload_is_415(content_type, encoding):
    with pytest.raises(RequestError) as raised:
        check_payload_type(content_type, encoding)
    assert raised.value.status == 415
