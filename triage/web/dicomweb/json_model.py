"""The DICOM JSON model (PS3.18 Annex F), out and in: pure.

What comes in was written by anybody. It is bounded in depth and number before anything is made
of it, every attribute must have the VR that PS3.6 gives it, every value must be one that its VR
allows, and nothing is ever fetched for it. Attributes that PS3.6 does not know, private ones
among them, are kept as names without a value, so that whoever keeps the item can say that it
has left them out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from pydicom.config import RAISE
from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import validate_value

from triage.ups.items import object_of
from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.json_values import check_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydicom.tag import BaseTag

MAXIMUM_ELEMENTS = 50_000  # attributes, and values of them
DEEPEST_ITEMS = 8

# The lock of a claimed item: whoever knows it may change the item, so it is never told.
_NEVER_TOLD = frozenset({"00081195"})  # Transaction UID
_COMMAND_GROUP = 0x0000
_FILE_META_GROUP = 0x0002
_TAG_DIGITS = 8
_UNKNOWN = {"vr": "UN"}
_KNOWN_KEYS = frozenset({"vr", "Value", "BulkDataURI", "InlineBinary"})
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def encode_objects(items: Iterable[Mapping[str, Any]]) -> bytes:
    """Return objects of the model as one JSON array; no lock of a claimed item is ever told."""
    found = list(items)
    payload = _dumped(found)
    # The items are gone through only where a text of them could be the name of what is not told.
    told = any(name.encode() in payload for name in _NEVER_TOLD)
    return _dumped([_tellable(item) for item in found]) if told else payload


def _tellable(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _tellable_sequence(attribute) if attribute["vr"] == "SQ" else attribute
        for name, attribute in item.items()
        if name not in _NEVER_TOLD
    }


def _tellable_sequence(attribute: Mapping[str, Any]) -> dict[str, Any]:
    items = [_tellable(item) for item in attribute.get("Value") or ()]
    return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}


def encode_one(item: Dataset) -> bytes:
    """Return one data set as a JSON object."""
    return _dumped(_tellable(object_of(item)))


def _dumped(content: object) -> bytes:
    # Items are trees: to look for circles in them costs a sixth of the time.
    text = json.dumps(
        content, ensure_ascii=False, check_circular=False, separators=(",", ":"), default=str
    )
    return text.encode("utf-8", "replace")


def decode(payload: bytes) -> Dataset:
    """Read the one data set of a payload: an object, or an array that holds just one.

    Raises:
        RequestError: It is no such data set, or one that a work item cannot hold; the message
            names the attribute, and never its value.
    """
    content = _loaded(payload)
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        raise RequestError("the payload must be one data set of the DICOM JSON model")
    checked = _Checked()
    checked.data_set(content, 0)
    try:
        found = Dataset.from_json(content)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise RequestError("the payload has a value that its VR does not allow") from error
    if len(found):
        found.SpecificCharacterSet = "ISO_IR 192"  # JSON is UTF-8; this holds from here on
    return found


def _loaded(payload: bytes) -> object:
    try:
        return json.loads(
            payload.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except RecursionError as error:
        raise RequestError("the payload is nested too deeply") from error
    except ValueError as error:
        raise RequestError("the payload is no JSON in UTF-8") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RequestError("the payload names an attribute twice")
    return found


def _no_number(_name: str) -> NoReturn:
    raise RequestError("the payload has a number that is none")


class _Checked:
    """Walks an object of the model, and puts each attribute into the form that pydicom reads."""

    def __init__(self) -> None:
        self._number = 0

    def data_set(self, content: dict[str, Any], depth: int) -> None:
        """Check a data set, and all within it.

        Raises:
            RequestError: It is not sound.
        """
        if depth > DEEPEST_ITEMS:
            raise RequestError(f"the payload is nested deeper than {DEEPEST_ITEMS} levels")
        self._count(len(content))
        tags = {name: _tag(name) for name in content}
        if len(set(tags.values())) != len(tags):
            raise RequestError("the payload names an attribute twice")
        for name, tag in tags.items():
            if dictionary_has_tag(tag):
                self._attribute(tag, content[name], depth)
            else:
                content[name] = _UNKNOWN

    def _count(self, more: int) -> None:
        self._number += more
        if self._number > MAXIMUM_ELEMENTS:
            raise RequestError(f"the payload has more than {MAXIMUM_ELEMENTS} values")

    def _attribute(self, tag: BaseTag, attribute: object, depth: int) -> None:
        keyword, vr = dictionary_keyword(tag), dictionary_VR(tag)
        if not isinstance(attribute, dict) or not attribute.keys() <= _KNOWN_KEYS:
            raise RequestError(f"{keyword} must be an object with vr and Value")
        if "BulkDataURI" in attribute or "InlineBinary" in attribute:
            raise RequestError(f"{keyword}: a work item holds no bulk data")
        if attribute.get("vr") != vr:
            raise RequestError(f"{keyword} must have the vr {vr}")
        values = attribute.get("Value", [])
        if not isinstance(values, list):
            raise RequestError(f"{keyword}: Value must be an array")
        self._count(len(values))
        if vr == "SQ":
            self._items(keyword, values, depth)
        else:
            attribute["Value"] = [_sound(keyword, vr, value) for value in values]
        if not values:
            attribute.pop("Value", None)

    def _items(self, keyword: str, items: list[Any], depth: int) -> None:
        for item in items:
            if not isinstance(item, dict):
                raise RequestError(f"{keyword}: every item must be an object")
            self.data_set(item, depth + 1)


def _tag(name: str) -> BaseTag:
    if len(name) != _TAG_DIGITS or not _HEXADECIMAL.issuperset(name):
        raise RequestError("an attribute must be named by the eight hexadecimal digits of its tag")
    tag = Tag(int(name, 16))
    if tag.group in (_COMMAND_GROUP, _FILE_META_GROUP):
        raise RequestError(f"{name.upper()} is no attribute of a work item")
    return tag


def _sound(keyword: str, vr: str, value: object) -> object:
    """Return a value in the form that pydicom reads, once it is known to be one of its VR."""
    try:
        found = check_value(vr, value)
        # pydicom takes the component groups of a name as one text.
        text = "=".join(found.values()) if isinstance(found, dict) else found
        if isinstance(text, str):
            validate_value(vr, text, RAISE)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{keyword} has a value that its VR does not allow") from error
    return found
