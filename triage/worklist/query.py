"""Matching of query keys against an item, and the answer (PS3.4 C.2.2.2): pure.

Lists of UID and sequences; what one value is held against is triage.worklist.matching. A key that
the items of the list do not have is an optional key that is not supported: it constrains nothing.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from triage.errors import PermanentError
from triage.worklist.matching import value_matches
from triage.worklist.texts import TextElement, TextItem, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# An item is a data set, or the same as texts: whichever comes in goes out.
Item = TypeVar("Item", Dataset, TextItem)
Element = TypeVar("Element", DataElement, TextElement)

# They say how the query is encoded, or belong to an operation; they constrain nothing.
_NEVER_MATCHED = frozenset(
    map(Tag, ("SpecificCharacterSet", "TimezoneOffsetFromUTC", "TransactionUID"))
)
# Whoever reads an answer needs these, asked for or not.
_ALWAYS_ANSWERED = tuple(
    map(int, map(Tag, ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID")))
)
# Long, and seldom wanted in a list: only for those who ask.
_ON_DEMAND = frozenset({int(Tag("InputInformationSequence"))})

_DEEPEST_KEYS: Final = 8


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a query.

    Attributes:
        tag: The attribute that it asks for.
        constrains: Whether an item may fail to match it.
        texts: What is wanted of its values; any of these.
        below: What is asked of the items of a sequence; None for what is no sequence.
    """

    tag: int
    constrains: bool
    texts: tuple[str, ...] = ()
    below: Query | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read once to be held against many items.

    Attributes:
        keys: Everything that it names.
        constraining: The keys that an item may fail to match.
    """

    keys: tuple[Key, ...]
    constraining: tuple[Key, ...]

    @classmethod
    def of(cls, query: Dataset) -> Query:
        """Read the identifier of a C-FIND request."""
        keys = tuple(_key(each) for each in query)
        return cls(keys, tuple(key for key in keys if key.constrains))

    def matches(self, item: Dataset | TextItem) -> bool:
        """Whether an item of the list fulfils every key.

        Args:
            item: An item of the list. Its DT values have an offset from UTC; those of the query
                that have none are in the local time of this machine.

        Raises:
            PermanentError: A key has a value that its type of matching does not know.
        """
        return all(_holds(key, item[key.tag]) for key in self.constraining if key.tag in item)

    def has_unsupported_keys(self, item: Dataset | TextItem) -> bool:
        """Whether it constrains something that the items of the list do not have."""
        return any(key.tag not in item for key in self.constraining)

    def answer(self, item: Item) -> Item:
        """Return what is asked for of an item that matches; everything, where nothing is named."""
        if not self.keys:
            return select(item, [int(tag) for tag in item.keys() if tag not in _ON_DEMAND])  # noqa: SIM118 - iterating a data set gives elements
        found = select(item, _ALWAYS_ANSWERED)
        self._reduce(item, found)
        return found

    def reduced(self, item: Item) -> Item:
        """Return what is named of an item of a sequence."""
        found = type(item)()
        self._reduce(item, found)
        return found

    def _reduce(self, item: Item, found: Item) -> None:
        for key in self.keys:
            if key.tag in item:
                element = _answered(key, item[key.tag])
                found[element.tag] = element


def check_query(query: Dataset) -> None:
    """Refuse a query whose keys are nested deeper than any list item is.

    Raises:
        PermanentError: It is.
    """
    level = [query]
    for _ in range(_DEEPEST_KEYS):
        level = [item for keys in level for key in keys if key.VR == "SQ" for item in key.value]
        if not level:
            return
    raise PermanentError(f"the query is nested deeper than {_DEEPEST_KEYS} levels")


def matches(query: Dataset, item: Dataset | TextItem) -> bool:
    """Whether one item fulfils every key of a query: Query.matches, and what that raises."""
    return Query.of(query).matches(item)


def answer(query: Dataset, item: Item) -> Item:
    """Return what a query asks for of one item: Query.answer."""
    return Query.of(query).answer(item)


def constrains(query: Dataset) -> bool:
    """Whether a query has any key that an item may fail to match."""
    return bool(Query.of(query).constraining)


def named_in(query: Dataset) -> frozenset[int]:
    """Return the attributes of an item that a query can say or answer something of."""
    return frozenset((*map(int, query.keys()), *_ALWAYS_ANSWERED))


def select(item: Item, tags: Iterable[int]) -> Item:
    """Return those of the named attributes that an item has."""
    found = type(item)()
    for tag in tags:
        if tag in item:
            found[tag] = item[tag]
    return found


def _key(key: DataElement) -> Key:
    if key.VR == "SQ":
        items = [Query.of(item) for item in key.value]
        constrains_items = any(item.constraining for item in items)
        below = items[0] if items else Query((), ())
        return Key(int(key.tag), constrains_items and _may_constrain(key), (), below)
    texts = tuple(_texts(key))
    is_universal = texts in ((), ("*",))
    return Key(int(key.tag), not is_universal and _may_constrain(key), texts)


def _may_constrain(key: DataElement) -> bool:
    is_group_length = key.tag.element == 0
    return not is_group_length and key.tag not in _NEVER_MATCHED


def _holds(key: Key, element: DataElement | TextElement) -> bool:
    if element.VR == "SQ":
        return any(key.below is None or key.below.matches(item) for item in element.value)
    values = list(_texts(element))
    return any(value_matches(element.VR, wanted, value) for wanted in key.texts for value in values)


def _answered(key: Key, element: Element) -> Element:
    """Return an element as asked for; of a sequence, the items that match, reduced to the keys."""
    if key.below is None or element.VR != "SQ" or not key.below.keys:
        return element
    items = [key.below.reduced(item) for item in element.value if key.below.matches(item)]
    if isinstance(element, TextElement):
        return TextElement(element.tag, "SQ", tuple(items))
    return DataElement(element.tag, "SQ", Sequence(items))


def _texts(element: DataElement | TextElement) -> Iterator[str]:
    """Yield the values of an element as text, none when it is empty."""
    for value in _values(element):
        if value and (text := unicodedata.normalize("NFC", str(value)).strip()):
            yield text


def _values(element: DataElement | TextElement) -> Iterable[Any]:
    if isinstance(element, TextElement):
        return values_of(element.VR, element.value)
    return element.value if isinstance(element.value, MultiValue) else (element.value,)
