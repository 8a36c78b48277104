"""What readers and operators may do, and what readers say."""

from __future__ import annotations

from enum import Enum


class UserRole(Enum):
    """What a person or a machine that logs in may do; one may have several."""

    READER = "reader"  # reads studies: claims them, and says whether a call was right
    OPERATOR = "operator"  # runs the service: queues, peers, the brake


class Verdict(Enum):
    """What a reader says about a decision of the program."""

    AGREE = "agree"  # the call was right
    DISAGREE = "disagree"  # the call was wrong
    UNDO = "undo"  # takes the reader's last verdict back; both stay in the history
