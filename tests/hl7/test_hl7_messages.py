"""What receivers are told: byte for byte what the standard says, and as python-hl7 reads it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import hl7
import pytest

from tests.factories import make_analysis
from tests.hl7.samples import ACCESSION, STUDY, omi, orm, oru, text
from triage.codes import CODES
from triage.errors import DeliveryRefusedError
from triage.hl7.messages import acknowledge, control_id, read_acknowledgement
from triage.hl7.orders import understand
from triage.hl7.parsing import header_field, read_message
from triage.hl7.priority import kind_for, priority_message
from triage.hl7.results import result_message
from triage.hl7.values import Acknowledgement, AcknowledgementCode, MessageKind, Order
from triage.report import ReportRequest
from triage.settings import CharacterSet, Hl7Receiver
from triage.uids import device_uid
from triage.values import (
    BundleIdentity,
    Decision,
    FindingDefinition,
    ImageEvidence,
    ImageState,
    Mode,
    OperatingPoint,
    OrderPriority,
    Outcome,
    ReadingClass,
    StudyState,
    WorklistEntry,
)

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
DIGEST = "d" * 64
DEVICE = device_uid(DIGEST)
RAISED = ReadingClass.SUSPECTED_ABNORMAL


def receiver(*kinds, **values):
    return Hl7Receiver(
        name="ris",
        address="ris.example",
        port=2575,
        messages=kinds or (MessageKind.ORU,),
        application="RIS",
        facility="HOSPITAL",
        **values,
    )


@dataclasses.dataclass(frozen=True)
class Change:
    value: str = "A"
    message_id: str = "7"


def order_of(content=None, **values):
    """Return the order that a message makes."""
    (said,) = understand(read_message(content or orm()))
    known = {
        "study_instance_uid": said.study_instance_uid or STUDY,
        "accession_number": said.accession_number,
        "priority_code": said.priority_code,
        "shown_code": said.priority_code,
        "location": said.location,
        "cancelled": said.cancelled,
        "read": False,
        "message": said.message,
        "character_set": said.character_set,
        "changed_at": AT,
    }
    return Order(**{**known, **values})


def entry(**values):
    known = {
        "work_item_uid": "2.25.1",
        "study_instance_uid": STUDY,
        "arrived_at": AT,
        "reading_class": RAISED,
        "reasons": (),
        "outcome": Outcome.ABNORMAL,
        "study_state": StudyState.DECIDED,
        "order_priority": OrderPriority.ROUTINE,
        "patient_name": "Müller^Änne^M^Dr^Jr=kanji",
        "patient_id": "P|1",
        "patient_birth_date": "19500102",
        "patient_sex": "F",
        "accession_number": ACCESSION,
        "study_description": "",
        "study_date": "20260302",
        "image_count": 1,
        "report_uids": (),
        "thumbnail": "",
        "changed_at": AT,
    }
    return WorklistEntry(**{**known, **values})


def request(outcome=Outcome.ABNORMAL, flagged=("spondylosis",)):
    image = ImageEvidence("1.2.3", ImageState.ANALYSED, make_analysis(2.0))
    return ReportRequest(
        study_instance_uid=STUDY,
        decision=Decision(outcome, RAISED, ("a finding",), flagged),
        images=(image,),
        findings=(FindingDefinition("spondylosis", "Spondylosis", CODES.spondylosis),),
        operating_points=(OperatingPoint("spondylosis", 0.0, -3.0, 0.5, 0.05),),
        algorithm=BundleIdentity("net", "maker", "1", DIGEST, DEVICE, "For research | only."),
        sop_instance_uid="2.25.99",
        series_instance_uid="2.25.98",
        series_number=1,
        instance_number=1,
        created_at=AT,
        mode=Mode.PROMOTE,
    )


def told(outcome=Outcome.ABNORMAL, *, order=None, flagged=("spondylosis",), **values):
    message = result_message(request(outcome, flagged), entry(), order, receiver(**values))
    return hl7.parse(message.content.decode(), encoding="utf-8")


def test_a_result_is_oru_r01_of_2_5_1_with_accession_and_a_preliminary_status():
    found = told()
    assert str(found.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert (found["MSH.F12"], found["MSH.F18"]) == ("2.5.1", "UNICODE UTF-8")
    assert (found["MSH.F3"], found["MSH.F5"], found["MSH.F6"]) == (
        "CSPINE-TRIAGE",
        "RIS",
        "HOSPITAL",
    )
    assert (found["OBR.F18"], found["OBR.F25"]) == (ACCESSION, "P")
    assert found["PID.F3"] == "P|1"
    assert str(found.segment("PID")[5]) == "Müller^Änne^M^Jr^Dr"


@pytest.mark.parametrize(
    ("outcome", "code", "flag"),
    [
        (Outcome.ABNORMAL, "263654008", "A"),
        (Outcome.LIKELY_NORMAL, "17621005", "N"),
        (Outcome.INDETERMINATE, "371934000", ""),
        (Outcome.NOT_ASSESSABLE, "371934000", ""),
    ],
)
def test_normality_is_coded_with_its_flag_device_and_status(outcome, code, flag):
    found = told(outcome, flagged=())
    (obx,) = [one for one in found["OBX"] if str(one[3]) == "121402^Normality^DCM"]
    assert [str(obx[number]) for number in (2, 4)] == ["CWE", "1"]
    assert str(obx[5]).startswith(f"{code}^")
    assert str(obx[5]).endswith("^SCT")
    assert [str(obx[number]) for number in (8, 11, 18)] == [flag, "P", DEVICE]


def test_each_finding_has_its_code_and_its_certainty_in_percent():
    found = told()
    rows = [[str(field) for field in obx] for obx in found["OBX"] if str(obx[4]) == "2"]
    assert rows[0][2:6] == ["CWE", "8847002^Spondylosis^SCT", "2", "52101004^Present^SCT"]
    assert rows[1][2:7] == ["NM", "111012^Certainty of Finding^DCM", "2", "50", "%^Percent^UCUM"]
    assert {row[18] for row in rows} == {DEVICE}
    assert {row[11] for row in rows} == {"P"}


def test_the_study_is_named_and_the_disclaimer_stands_in_a_note():
    found = told()
    (study,) = [obx for obx in found["OBX"] if str(obx[3]) == "113014^DICOM Study^DCM"]
    assert str(study[5]) == STUDY
    assert found["NTE.F3"] == "NOT FOR DIAGNOSIS. For research | only."


def test_our_own_result_ends_no_reading_when_it_comes_back():
    message = result_message(request(), entry(), None, receiver())
    assert understand(read_message(message.content)) == ()


def test_the_numbers_of_the_order_are_those_of_the_ris():
    found = told(order=order_of())
    assert [str(found.segment("OBR")[number]) for number in (2, 3, 4)] == [
        "PL1^RIS",
        "FI1^RIS",
        "XRCS^X-ray C spine^LOC",
    ]


def test_a_result_has_one_number_per_receiver_and_report():
    first, again = (result_message(request(), entry(), None, receiver()) for _ in range(2))
    assert first == again
    other = dataclasses.replace(receiver(), name="other")
    assert result_message(request(), entry(), None, other).control_id != first.control_id
    assert len(first.control_id) == 20


def test_a_name_that_the_receivers_character_set_lacks_is_not_sent_as_another_name():
    latin = receiver(character_set=CharacterSet.LATIN_1)
    content = result_message(request(), entry(), None, latin).content
    assert "Müller".encode("latin-1") in content
    with pytest.raises(DeliveryRefusedError, match="character_set") as error:
        result_message(request(), entry(patient_name="Łukasz"), None, latin)
    assert "ukasz" not in str(error.value)


def changed(order, change=None, kind=MessageKind.ORM, **values):
    message = priority_message(order, change or Change(), receiver(kind, **values), AT)
    return hl7.parse(message.content.decode())


def test_an_order_change_is_the_whole_order_with_another_priority_and_nothing_else():
    came, sent = hl7.parse(orm().decode()), changed(order_of())
    assert str(sent.segment("MSH")[9]) == "ORM^O01"
    assert sent["MSH.F12"] == "2.3.1"
    assert [str(one[0]) for one in sent] == ["MSH", "PID", "PV1", "ORC", "OBR", "ZDS"]
    assert (str(sent[1]), str(sent[2])) == (str(came[1]), str(came[2]))
    for name, touched in (("ORC", {1, 5, 7}), ("OBR", {27})):
        before, after = came.segment(name), sent.segment(name)
        for number in range(1, len(before)):
            if number not in touched:
                assert str(after[number]) == str(before[number]), (name, number)
    orc, obr = sent.segment("ORC"), sent.segment("OBR")
    assert [str(orc[number]) for number in (1, 5, 7)] == ["XO", "SC", "1^once^^^^A"]
    assert str(obr[27]) == "1^once^^^^A"
    assert [str(obr[number]) for number in (18, 19, 20)] == [ACCESSION, "RP1", "SPS1"]
    assert str(sent["ZDS"][0][1]) == f"{STUDY}^^Application^DICOM"


def test_an_omi_keeps_the_priority_in_tq1_and_the_study_in_ipc():
    sent = changed(order_of(omi()), kind=MessageKind.OMI)
    assert str(sent.segment("MSH")[9]) == "OMI^O23^OMI_O23"
    assert sent["MSH.F12"] == "2.5.1"
    assert str(sent.segment("TQ1")[9]) == "A^word^HL70485"
    ipc = sent.segment("IPC")
    assert [str(ipc[number]) for number in (1, 2, 4)] == ["ACC1^RIS", "RP1^RIS", "SPS1^RIS"]
    assert str(ipc[3]) == STUDY
    assert str(sent.segment("ORC")[1]) == "XO"


def test_an_order_is_told_in_the_form_that_the_receiver_reads():
    sent = changed(order_of(orm()), kind=MessageKind.OMI)
    assert [str(one[0]) for one in sent] == ["MSH", "PID", "PV1", "ORC", "TQ1", "OBR", "IPC"]
    assert [str(field) for field in sent.segment("IPC")] == [
        "IPC",
        ACCESSION,
        "RP1",
        STUDY,
        "SPS1",
    ]
    assert str(sent.segment("TQ1")[9]) == "A"
    sent = changed(order_of(omi()), kind=MessageKind.ORM)
    assert [str(one[0]) for one in sent] == ["MSH", "PID", "PV1", "ORC", "OBR", "ZDS"]
    assert str(sent.segment("OBR")[18]) == "ACC1^RIS"
    assert str(sent.segment("OBR")[27]) == "^^^^^A"


def test_what_was_raised_goes_back_to_what_its_order_asked_for():
    back = Change("T")
    assert str(changed(order_of(orm(priority="T")), back).segment("ORC")[7]) == "1^once^^^^T"
    assert str(changed(order_of(orm(priority="")), Change("R")).segment("ORC")[7]) == "1^once^^^^R"


def test_the_form_is_that_which_the_receiver_takes():
    assert kind_for(receiver(MessageKind.ORU)) is None
    assert kind_for(receiver(MessageKind.ORU, MessageKind.OMI)) is MessageKind.OMI


def test_the_same_change_is_the_same_message():
    orders = receiver(MessageKind.ORM)
    first, again = (priority_message(order_of(), Change(), orders, AT) for _ in range(2))
    assert first == again
    later = priority_message(order_of(), Change(message_id="8"), orders, AT)
    assert later.control_id != first.control_id


def test_an_order_keeps_its_own_separators_and_character_set():
    own = orm().decode().replace("|", "#").replace("\\T\\", "and").encode("latin-1")
    order = order_of(own.replace(b"UNICODE UTF-8", b"8859/1"))
    message = priority_message(order, Change(), receiver(MessageKind.ORM), AT)
    assert message.content.startswith(b"MSH#^~\\&#CSPINE-TRIAGE#")
    assert "#Müller^Änne#".encode() in message.content
    assert b"#UNICODE UTF-8\r" in message.content


def test_a_report_alone_is_no_order_that_can_be_repeated():
    with pytest.raises(DeliveryRefusedError, match="no order"):
        priority_message(order_of(message=""), Change(), receiver(MessageKind.ORM), AT)


def test_an_order_that_could_not_be_decoded_is_not_repeated():
    order = order_of(orm().decode().encode("latin-1"))
    with pytest.raises(DeliveryRefusedError, match="character_set"):
        priority_message(order, Change(), receiver(MessageKind.ORM), AT)


def test_an_acknowledgement_names_the_message_and_swaps_the_parties():
    sent = acknowledge(orm("M77"), Acknowledgement(AcknowledgementCode.AA), AT)
    found = hl7.parse(sent.decode())
    assert [found[f"MSH.F{number}"] for number in (3, 4, 5, 6, 11, 12)] == [
        "CSPINE-TRIAGE",
        "XR",
        "RIS",
        "HOSPITAL",
        "P",
        "2.3.1",
    ]
    assert (found["MSA.F1"], found["MSA.F2"]) == ("AA", "M77")
    assert read_acknowledgement(sent, "M77").code is AcknowledgementCode.AA
    assert read_acknowledgement(sent, "M78") is None


@pytest.mark.parametrize(
    "header",
    [
        "MSH|^~\\&|RIS|GRO\u00df|US|XR|2026||ORM^O01|M\u00c4&1\\T\\2|P|2.3.1||||||UNICODE UTF-8",
        "MSH#*~!&#RIS#HOSP|ITAL#US#XR#2026##ORM*O01#M^1!T!2#P#2.3.1######8859/1",
    ],
    ids=["in UTF-8", "with separators of its own"],
)
def test_what_is_echoed_goes_back_byte_by_byte(header):
    asked = text(header, "PID|1")
    sent = acknowledge(asked, Acknowledgement(AcknowledgementCode.AR, "no"), AT)
    mark = asked[3:4]
    came, answered = asked.split(b"\r")[0].split(mark), sent.split(b"\r")[0].split(mark)
    assert answered[1:6] == [came[1], came[4], came[5], came[2], came[3]]
    assert answered[8] == came[8][3:4].join([b"ACK", b"O01", b"ACK"])
    assert answered[17] == came[17]
    assert sent.split(b"\r")[1].split(mark)[1:4] == [b"AR", came[9], b"no"]


def test_nothing_that_is_echoed_ends_the_answer():
    asked = orm("M\x1c").replace(b"RIS|HOSPITAL", b"RIS|\x0bHOSPITAL\x7f")
    sent = acknowledge(asked, Acknowledgement(AcknowledgementCode.AA), AT)
    assert not set(sent) & {0x0B, 0x1C, 0x7F}
    assert b"|RIS|HOSPITAL|" in sent
    assert b"MSA|AA|M|" in sent + b"|"


@pytest.mark.parametrize("content", [b"", b"MSH", b"rubbish\x00\xff", text("MSH|^~\\&|A")])
def test_whatever_came_can_be_answered(content):
    refused = Acknowledgement(AcknowledgementCode.AR, "no message")
    assert b"MSA|AR|" in acknowledge(content, refused, AT)


REFUSED = Acknowledgement(AcknowledgementCode.AR, "no ^ such kind", "200", "MSH^1^9")
NOT_NOW = Acknowledgement(AcknowledgementCode.AE, "not now")


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (
            omi,
            REFUSED,
            "ERR||MSH^1^9|200^Unsupported message type^HL70357|E|||no \\S\\ such kind",
        ),
        (omi, NOT_NOW, "ERR|||207^Application internal error^HL70357|E|||not now"),
        (orm, REFUSED, "ERR|MSH^1^9^200&Unsupported message type&HL70357"),
        (orm, NOT_NOW, "ERR|^^^207&Application internal error&HL70357"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where_as_its_version_has_it(asked, answer, expected):
    sent = acknowledge(asked("M1"), answer, AT)
    assert sent.decode().splitlines()[2] == expected
    heard = read_acknowledgement(sent, "M1")
    assert (heard.code, heard.problem) == (
        answer.code,
        f"the receiver answered {answer.code.value} (error {answer.error})",
    )


def test_what_was_done_has_no_error():
    assert b"ERR" not in acknowledge(orm(), Acknowledgement(AcknowledgementCode.AA), AT)


def test_a_field_of_the_header_is_read_without_reading_the_message():
    assert header_field(oru("M5"), 10) == "M5"
    assert header_field(b"MSH|^~\\&|A\rPID|1|2|3|4|5|6|7|8|9|10", 10) == ""


def test_numbers_do_not_depend_on_how_names_are_cut():
    assert control_id("ab", "c") != control_id("a", "bc")
