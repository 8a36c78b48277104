"""Every status of the Unified Procedure Step service has its HTTP answer."""

from __future__ import annotations

import pytest

from triage.ups import statuses as dimse
from triage.web.dicomweb.statuses import Transaction, answer_of

# STANDARDS: the statuses of PS3.4 Annex CC, and what PS3.18 section 11 makes of them.
EXPECTED = {
    (Transaction.CREATE, 0x0000): 201,
    (Transaction.CREATE, 0x0001): 201,
    (Transaction.CREATE, 0xB300): 201,
    (Transaction.CREATE, 0x0111): 409,
    (Transaction.CREATE, 0xC309): 400,
    (Transaction.CREATE, 0x0120): 400,
    (Transaction.CREATE, 0x0121): 400,
    (Transaction.CREATE, 0x0106): 400,
    (Transaction.RETRIEVE, 0x0000): 200,
    (Transaction.RETRIEVE, 0x0001): 200,
    (Transaction.RETRIEVE, 0xC307): 404,
    (Transaction.UPDATE, 0x0000): 200,
    (Transaction.UPDATE, 0x0001): 200,
    (Transaction.UPDATE, 0xB305): 200,
    (Transaction.UPDATE, 0xC300): 400,
    (Transaction.UPDATE, 0xC301): 400,
    (Transaction.UPDATE, 0xC307): 404,
    (Transaction.UPDATE, 0xC310): 409,
    (Transaction.CHANGE_STATE, 0x0000): 200,
    (Transaction.CHANGE_STATE, 0xB304): 200,
    (Transaction.CHANGE_STATE, 0xB306): 200,
    (Transaction.CHANGE_STATE, 0xC300): 409,
    (Transaction.CHANGE_STATE, 0xC301): 400,
    (Transaction.CHANGE_STATE, 0xC302): 409,
    (Transaction.CHANGE_STATE, 0xC303): 400,
    (Transaction.CHANGE_STATE, 0xC304): 409,
    (Transaction.CHANGE_STATE, 0xC307): 404,
    (Transaction.CHANGE_STATE, 0xC310): 409,
    (Transaction.REQUEST_CANCELLATION, 0x0000): 202,
    (Transaction.REQUEST_CANCELLATION, 0xB304): 202,
    (Transaction.REQUEST_CANCELLATION, 0xC307): 404,
    (Transaction.REQUEST_CANCELLATION, 0xC311): 409,
    (Transaction.REQUEST_CANCELLATION, 0xC312): 409,
    (Transaction.REQUEST_CANCELLATION, 0xC313): 409,
    (Transaction.SEARCH, 0x0000): 200,
    (Transaction.SEARCH, 0xA700): 503,
    (Transaction.SEARCH, 0xC000): 400,
    (Transaction.SUBSCRIBE, 0x0000): 201,
    (Transaction.SUBSCRIBE, 0xB301): 201,
    (Transaction.SUBSCRIBE, 0xC307): 404,
    (Transaction.SUBSCRIBE, 0xC308): 404,
    (Transaction.SUBSCRIBE, 0xC314): 400,
    (Transaction.SUBSCRIBE, 0xC315): 403,
    (Transaction.UNSUBSCRIBE, 0x0000): 200,
    (Transaction.UNSUBSCRIBE, 0xC307): 404,
    (Transaction.SUSPEND, 0x0000): 200,
    (Transaction.SUSPEND, 0xC308): 404,
    (Transaction.SUSPEND, 0xC314): 400,
    (Transaction.UPDATE, 0x0110): 500,
    (Transaction.UPDATE, 0xC000): 500,
}


@pytest.mark.parametrize(
    ("transaction", "status"), EXPECTED, ids=lambda each: getattr(each, "name", f"{each}")
)
def test_a_status_is_answered_as_ps3_18_has_it(transaction, status):
    assert answer_of(transaction, status).status == EXPECTED[transaction, status]


@pytest.mark.parametrize("transaction", Transaction)
@pytest.mark.parametrize(
    "status",
    sorted(value for name, value in vars(dimse).items() if name.isupper() and name[0] != "_"),
)
def test_a_failure_says_what_is_wrong_and_a_success_says_nothing(transaction, status):
    found = answer_of(transaction, status)
    assert bool(found.sentence) == found.failed
    assert found.warning == "" or found.warning.endswith(".")


@pytest.mark.parametrize(
    ("transaction", "status", "words"),
    [
        (Transaction.CREATE, 0xB300, "The Workitem was created with modifications."),
        (Transaction.UPDATE, 0xB305, "The Workitem was updated with modifications."),
        (Transaction.UPDATE, 0x0001, "Requested optional Attributes are not supported."),
        (Transaction.UPDATE, 0xC310, "The target URI did not reference a claimed Workitem."),
        (
            Transaction.UPDATE,
            0xC300,
            "The submitted request is inconsistent with the current state of the Workitem.",
        ),
        (
            Transaction.CHANGE_STATE,
            0xB304,
            "The UPS is already in the requested state of CANCELED.",
        ),
        (
            Transaction.CHANGE_STATE,
            0xB306,
            "The UPS is already in the requested state of COMPLETED.",
        ),
        (Transaction.CHANGE_STATE, 0xC301, "The Transaction UID is incorrect."),
        (
            Transaction.CHANGE_STATE,
            0xC302,
            "The submitted request is inconsistent with the state of the UPS Instance.",
        ),
        (
            Transaction.REQUEST_CANCELLATION,
            0xB304,
            "The UPS is already in the requested state of CANCELED.",
        ),
        (Transaction.REQUEST_CANCELLATION, 0xC311, "The UPS is already COMPLETED."),
        (Transaction.REQUEST_CANCELLATION, 0xC312, "The performer cannot be contacted."),
        (Transaction.REQUEST_CANCELLATION, 0xC313, "Performer chooses not to cancel."),
        (Transaction.SUBSCRIBE, 0xB301, "Deletion Lock not granted."),
        (Transaction.SUBSCRIBE, 0xC315, "Filtered Worklist Subscriptions are not supported."),
    ],
)
def test_a_warning_has_the_words_of_the_standard(transaction, status, words):
    assert answer_of(transaction, status).warning == words


def test_a_transaction_uid_that_is_missing_is_told_from_one_that_is_wrong():
    found = answer_of(Transaction.CHANGE_STATE, 0xC301, transaction_uid_given=False)
    assert (found.status, found.warning) == (400, "The Transaction UID is missing.")
