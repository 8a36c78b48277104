"""How urgent a study is: what the order says, and the class and priority that it is read with."""

from __future__ import annotations

from enum import Enum, IntEnum


class Priority(Enum):
    """Scheduled Procedure Step Priority (0074,1200), PS3.3 C.30.2."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class OrderPriority(Enum):
    """How urgent the people who ordered the examination said that it is (0040,1003)."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"  # absent, empty, or not a defined term

    @property
    def urgent(self) -> bool:
        """Whether the order itself asks to be read before routine work."""
        return self in (OrderPriority.STAT, OrderPriority.HIGH)

    @property
    def reading_class(self) -> ReadingClass:
        """The class that the order alone gives a study: nothing is lowered by an order."""
        return ReadingClass.URGENT_ORDER if self.urgent else ReadingClass.ROUTINE


class ReadingClass(IntEnum):
    """The first key of the reading order; a smaller number is read earlier."""

    URGENT_ORDER = 0  # the order says STAT or HIGH: above anything an algorithm says
    SUSPECTED_ABNORMAL = 1  # raised by a finding, or by the waiting cap
    ROUTINE = 2  # everything that nothing has moved
    LIKELY_NORMAL = 3  # lowered

    @property
    def priority(self) -> Priority:
        """The UPS priority that goes with the class."""
        return _PRIORITY_OF_CLASS[self]


_PRIORITY_OF_CLASS = {
    ReadingClass.URGENT_ORDER: Priority.HIGH,
    ReadingClass.SUSPECTED_ABNORMAL: Priority.HIGH,
    ReadingClass.ROUTINE: Priority.MEDIUM,
    ReadingClass.LIKELY_NORMAL: Priority.LOW,
}
