"""The query parameters of a search for work items (PS3.18 sections 8.3.4 and 11.9): pure.

They become the same keys as a C-FIND identifier, so that the list is matched in one place only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from triage.web.dicomweb.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence as OrderedValues

    from pydicom.tag import BaseTag

# In one answer; the rest is had by paging. To write them takes most of the time of an answer.
MAXIMUM_RESULTS = 100

_MOST_PARAMETERS = 100
_LONGEST_VALUE = 1_000
_DEEPEST_PATH = 8
_LARGEST_NUMBER = 10**9

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_UNSIGNED = re.compile(r"\d{1,9}")
_LISTED = re.compile(r"[,\\]")
_UNMATCHABLE = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "OB or OW"})
# Parameters that shape the answer elsewhere, and that never constrain it.
_ELSEWHERE = frozenset({"accept", "charset"})


@dataclass(frozen=True, slots=True)
class Search:
    """What a search asks for.

    Attributes:
        keys: The matching keys, as a C-FIND identifier has them.
        fields: Further attributes to answer with: a data set whose values are empty.
        everything: Whether all attributes are asked for.
        limit: The most results to answer with.
        offset: How many matches to leave out before the first.
        fuzzy: Whether names were to be matched by sound, which is not supported.
        ignored: Whether a parameter was there that means nothing here.
    """

    keys: Dataset = field(default_factory=Dataset)
    fields: Dataset = field(default_factory=Dataset)
    everything: bool = False
    limit: int = MAXIMUM_RESULTS
    offset: int = 0
    fuzzy: bool = False
    ignored: bool = False


def read_search(parameters: OrderedValues[tuple[str, str]]) -> Search:
    """Read the query parameters of a search.

    Args:
        parameters: Names and values, decoded, in the order in which they came.

    Raises:
        RequestError: A parameter cannot be understood.
    """
    if len(parameters) > _MOST_PARAMETERS:
        raise RequestError(f"a search has at most {_MOST_PARAMETERS} parameters")
    options: dict[str, str] = {}
    included: list[str] = []
    keys, ignored = Dataset(), False
    for name, value in parameters:
        if len(value) > _LONGEST_VALUE:
            raise RequestError(f"a value is longer than {_LONGEST_VALUE} characters")
        if name == "includefield":
            included += filter(None, value.split(","))
        elif name in ("limit", "offset", "fuzzymatching"):
            options[name] = value
        elif (path := attribute_path(name)) is not None:
            add_key(keys, path, value, name)
        elif name not in _ELSEWHERE:
            ignored = True
    fields, unknown = _fields([name for name in included if name != "all"])
    return Search(
        keys=keys,
        fields=fields,
        everything="all" in included,
        limit=min(_unsigned("limit", options, MAXIMUM_RESULTS), MAXIMUM_RESULTS),
        offset=_unsigned("offset", options, 0),
        fuzzy=_truth("fuzzymatching", options),
        ignored=ignored or unknown,
    )


def attribute_path(name: str) -> tuple[BaseTag, ...] | None:
    """Return the tags of an attribute, outermost sequence first; None when there is no such one.

    Args:
        name: A keyword or a tag of eight hexadecimal digits; behind a full stop, an attribute
            of the items of the sequence before it.
    """
    pieces = name.split(".")
    if len(pieces) > _DEEPEST_PATH:
        return None
    tags = [_tag(piece) for piece in pieces]
    return None if None in tags else tuple(tag for tag in tags if tag is not None)


def add_key(keys: Dataset, path: tuple[BaseTag, ...], value: str, name: str) -> None:
    """Add a matching key to an identifier.

    Args:
        keys: The identifier; changed.
        path: The attribute, as `attribute_path` gives it.
        value: The value, empty to match all.
        name: The attribute as the request names it.

    Raises:
        RequestError: The attribute cannot be matched, has no such value, or is there twice.
    """
    for tag in path[:-1]:
        keys = _item_of(keys, tag, name)
    tag = path[-1]
    vr = dictionary_VR(tag)
    if vr in _UNMATCHABLE or (vr == "SQ" and value):
        raise RequestError(f"{name} cannot be matched against a value")
    if tag in keys and (vr == "SQ" or (vr != "UI" and value)):
        raise RequestError(f"{name} is there twice")
    present = str_values(keys[tag]) if tag in keys else []
    keys.add(_element(tag, vr, [*present, *_values(vr, value)], name))


def str_values(element: DataElement) -> list[str]:
    """Return the values of an element as text, none when it is empty."""
    if element.is_empty:
        return []
    values = element.value if element.VM > 1 else [element.value]
    return [str(value) for value in values]


def _tag(piece: str) -> BaseTag | None:
    """Return the tag that a keyword or hexadecimal digits name; None for what no attribute is."""
    if _TAG.fullmatch(piece):
        tag = Tag(int(piece, 16))
        return tag if dictionary_has_tag(tag) else None
    number = tag_for_keyword(piece)
    return None if number is None else Tag(number)


def _item_of(keys: Dataset, tag: BaseTag, name: str) -> Dataset:
    """Return the single item of a sequence key, made when it is not there yet."""
    if dictionary_VR(tag) != "SQ":
        raise RequestError(f"{name}: only a sequence holds further attributes")
    if tag not in keys or not keys[tag].value:
        keys.add(DataElement(tag, "SQ", Sequence([Dataset()])))
    item: Dataset = keys[tag].value[0]
    return item


def _values(vr: str, value: str) -> list[str]:
    """Return the values of a parameter: of UIDs there may be a list."""
    return list(filter(None, _LISTED.split(value))) if vr == "UI" else list(filter(None, [value]))


def _element(tag: BaseTag, vr: str, values: list[str], name: str) -> DataElement:
    content: object = Sequence() if vr == "SQ" else values[0] if len(values) == 1 else values
    try:
        return DataElement(tag, vr, content or None, validation_mode=IGNORE)
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestError(f"{name} has no such value") from error


def _fields(names: Iterable[str]) -> tuple[Dataset, bool]:
    """Return the attributes to include, and whether one of the names is no attribute."""
    fields, unknown = Dataset(), False
    for name in dict.fromkeys(names):
        path = attribute_path(name)
        if path is None or any(dictionary_VR(tag) != "SQ" for tag in path[:-1]):
            unknown = True
            continue
        _include(fields, path)
    return fields, unknown


def _include(fields: Dataset, path: tuple[BaseTag, ...]) -> None:
    for tag in path[:-1]:
        if tag in fields and not fields[tag].value:
            return  # the whole sequence is asked for already
        fields = _item_of(fields, tag, "")
    vr = dictionary_VR(path[-1])
    fields.add(DataElement(path[-1], vr, Sequence() if vr == "SQ" else None))


def _unsigned(name: str, options: dict[str, str], default: int) -> int:
    if name not in options:
        return default
    if not _UNSIGNED.fullmatch(options[name]):
        raise RequestError(f"{name} must be a number from 0 to {_LARGEST_NUMBER - 1}")
    return int(options[name])


def _truth(name: str, options: dict[str, str]) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise RequestError(f"{name} must be true or false")
    return value == "true"
