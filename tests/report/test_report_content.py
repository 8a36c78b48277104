"""What the content tree states, by codes, after a round trip through bytes."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from triage import uids
from triage.codes import CODES
from triage.errors import ReportError
from triage.report import build_report, write_part10
from triage.values import ConceptCode, FindingDefinition, Mode, OperatingPoint, Outcome

NORMAL, ABNORMAL, UNDETERMINED_STUDY = "17621005", "263654008", "371934000"
PRESENT, ABSENT, UNDETERMINED = "52101004", "272519000", "373068000"


def tree(request, *headers) -> Dataset:
    """Build a report and read it back from its bytes."""
    return dcmread(BytesIO(write_part10(build_report(request, headers))))


def children(item: Dataset, code: str) -> list[Dataset]:
    """Find the direct children of an item whose concept name has a code value."""
    return [
        child
        for child in item.ContentSequence
        if child.ConceptNameCodeSequence[0].CodeValue == code
    ]


def groups(report: Dataset) -> list[Dataset]:
    """Find the measurement groups of a report: the study's, then one for each finding."""
    (measurements,) = children(report, "126010")
    return children(measurements, "125007")


def number(group: Dataset, code: str) -> tuple[float, str] | None:
    """Return the value and unit of a number, None where there is none."""
    for item in children(group, code):
        (measured,) = item.MeasuredValueSequence
        return float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue
    return None


def coded(group: Dataset, code: str) -> str:
    """Return the code value of the one CODE item with a concept name."""
    (item,) = children(group, code)
    return item.ConceptCodeSequence[0].CodeValue


def images(group: Dataset) -> list[str]:
    """Return the images that a group was measured in."""
    return [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in children(group, "121112")
    ]


def words(report: Dataset) -> list[str]:
    """Return the comments of a report."""
    (evaluations,) = children(report, "C0034375")
    return [item.TextValue for item in children(evaluations, "121106")]


def test_the_root_is_a_measurement_report_of_template_1500(make):
    report = tree(make.report_request(), make.dx_header())
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert coded(report, "121058") == "363679005"


def test_the_observer_is_the_algorithm_that_contributed(make):
    report = tree(make.report_request(), make.dx_header())
    (equipment,) = report.ContributingEquipmentSequence
    assert coded(report, "121005") == "121007"
    assert equipment.DeviceUID == children(report, "121012")[0].UID
    assert children(report, "121014")[0].TextValue == equipment.Manufacturer
    assert children(report, "121015")[0].TextValue == equipment.ManufacturerModelName


def test_every_group_identifies_the_algorithm_that_contributed(make):
    request = make.report_request()
    report = tree(request, make.dx_header())
    (equipment,) = report.ContributingEquipmentSequence
    for group in groups(report):
        assert children(group, "111001")[0].TextValue == equipment.ManufacturerModelName
        assert children(group, "111003")[0].TextValue == equipment.SoftwareVersions
        assert children(group, "122405")[0].TextValue == equipment.Manufacturer
        assert coded(group, "111000") == "123110"
        parameters = [item.TextValue for item in children(group, "111002")]
        assert f"model_sha256={request.algorithm.digest}" in parameters


def test_thresholds_stand_in_the_algorithm_parameters_as_the_model_uses_them(make):
    _, spondylosis, lordosis = groups(tree(make.report_request(), make.dx_header()))
    parameters = [item.TextValue for item in children(spondylosis, "111002")]
    assert parameters[1:] == ["flag_logit=0.5", "rule_out_logit=-2"]
    assert "rule_out_logit=none" in [item.TextValue for item in children(lordosis, "111002")]


def test_groups_follow_the_findings_of_the_bundle_at_the_cervical_spine(make):
    found = groups(tree(make.report_request(), make.dx_header()))
    assert [coded(group, "121071") for group in found] == ["STUDY-TRIAGE", "8847002", "LORDOSIS"]
    assert {coded(group, "363698007") for group in found} == {"122494005"}


def test_tracking_uids_stay_the_same_in_the_next_report_of_the_study(make):
    later = make.report_request(
        Outcome.INDETERMINATE, sop_instance_uid="1.2.3.4", instance_number=2
    )
    first, second = (
        [children(group, "112040")[0].UID for group in groups(tree(request, make.dx_header()))]
        for request in (make.report_request(), later)
    )
    assert first == second
    assert len(set(first)) == 3
    assert first[1] == uids.tracking_uid(later.study_instance_uid, "spondylosis")


@pytest.mark.parametrize(
    ("outcome", "flagged", "normality", "presences"),
    [
        (Outcome.ABNORMAL, ("spondylosis",), ABNORMAL, [PRESENT, UNDETERMINED]),
        (Outcome.ABNORMAL, ("spondylosis", "lordosis"), ABNORMAL, [PRESENT, PRESENT]),
        (Outcome.LIKELY_NORMAL, (), NORMAL, [ABSENT, ABSENT]),
        (Outcome.INDETERMINATE, (), UNDETERMINED_STUDY, [UNDETERMINED, UNDETERMINED]),
        (Outcome.NOT_ASSESSABLE, (), UNDETERMINED_STUDY, [UNDETERMINED, UNDETERMINED]),
    ],
)
def test_the_outcome_is_stated_in_codes(make, outcome, flagged, normality, presences):
    study, *findings = groups(tree(make.report_request(outcome, flagged=flagged), make.dx_header()))
    assert coded(study, "121402") == normality
    assert [coded(group, "121052") for group in findings] == presences


def test_certainty_and_threshold_are_percentages_of_the_highest_image(make):
    low = make.image(1, make.analysis(spondylosis=(-3.0, -4.0), lordosis=(1.0, 1.0)))
    high = make.image(2, make.analysis(spondylosis=(2.0, 1.0), lordosis=(-1.0, -2.0)))
    request = make.report_request(Outcome.ABNORMAL, low, high, flagged=("spondylosis", "lordosis"))
    _, spondylosis, lordosis = groups(tree(request, make.dx_header(1), make.dx_header(2)))
    assert number(spondylosis, "111012") == (81.76, "%")  # the logistic function at 1.5
    assert number(spondylosis, "122411") == (62.25, "%")
    assert images(spondylosis) == [high.sop_instance_uid]
    assert number(lordosis, "111012") == (73.11, "%")
    assert images(lordosis) == [low.sop_instance_uid]


def test_a_flagged_finding_is_never_reported_below_its_threshold(make):
    """The mean of the members' probabilities would be 56 %, under a threshold of 62.25 %."""
    split = make.image(1, make.analysis(spondylosis=(-2.0, 4.0), lordosis=(-3.0, -3.0)))
    request = make.report_request(Outcome.ABNORMAL, split, flagged=("spondylosis",))
    _, spondylosis, _ = groups(tree(request, make.dx_header()))
    certainty, threshold = number(spondylosis, "111012"), number(spondylosis, "122411")
    assert certainty[0] >= threshold[0]


def test_the_study_shows_the_numbers_of_the_finding_that_weighed_most(make):
    scored = make.image(1, make.analysis(spondylosis=(0.0, 0.0), lordosis=(1.0, 1.0)))
    request = make.report_request(Outcome.ABNORMAL, scored, flagged=("lordosis",))
    study, _, lordosis = groups(tree(request, make.dx_header()))
    assert number(study, "111012") == number(lordosis, "111012")
    assert number(study, "122411") == number(lordosis, "122411")


def test_the_study_refers_to_every_image(make):
    request = make.report_request()
    headers = [make.dx_header(1), make.dx_header(2)]
    study, *_ = groups(tree(request, *headers))
    assert images(study) == [header.SOPInstanceUID for header in headers]


def test_an_image_that_was_not_scored_has_no_numbers_and_its_reason_in_words(make):
    gated = make.image(1, make.analysis(failed_gate="pixels.blur"))
    broken = make.image(2, problem="the pixels cannot be decoded")
    request = make.report_request(
        Outcome.NOT_ASSESSABLE, gated, broken, reasons=("two images could not be assessed",)
    )
    report = tree(request, make.dx_header(1), make.dx_header(2))
    for group in groups(report):
        assert number(group, "111012") is None
        assert number(group, "122411") is None
    assert [images(group) for group in groups(report)[1:]] == [[], []]
    said = "\n".join(words(report))
    assert "Reason: two images could not be assessed" in said
    assert f"Image 1 of 2 ({gated.sop_instance_uid}): gate pixels.blur failed" in said
    assert f"Image 2 of 2 ({broken.sop_instance_uid}): set aside. the pixels cannot be" in said


def test_a_score_out_of_scope_is_no_certainty_unless_it_flagged_the_finding(make):
    gated = make.image(1, make.analysis(failed_gate="header.view", spondylosis=(3.0, 3.0)))
    quiet = make.report_request(Outcome.NOT_ASSESSABLE, gated)
    flagged = make.report_request(Outcome.ABNORMAL, gated, flagged=("spondylosis",))
    assert number(groups(tree(quiet, make.dx_header()))[1], "111012") is None
    assert number(groups(tree(flagged, make.dx_header()))[1], "111012") == (95.26, "%")


def test_the_words_begin_with_the_disclaimer_and_the_effect(make):
    report = tree(make.report_request(flagged=("spondylosis",)), make.dx_header())
    assert words(report)[0] == "NOT FOR DIAGNOSIS. Trained on a phantom, not for patients."
    assert words(report)[1].endswith("Reading priority HIGH (mode demote).")


def test_shadow_mode_says_that_nothing_was_moved(make):
    report = tree(make.report_request(mode=Mode.SHADOW), make.dx_header())
    assert "the reading list was not changed" in words(report)[1]


def test_an_unreadable_instance_is_named_by_its_uid_alone(make):
    lost = make.image(9, problem="the header cannot be read")
    report = tree(make.report_request(Outcome.NOT_ASSESSABLE, lost), make.dx_header())
    assert any(text.startswith(f"Instance {lost.sop_instance_uid}:") for text in words(report))


def test_a_scored_image_without_a_header_is_refused(make):
    scored = make.image(2, make.analysis(spondylosis=(1.0, 1.0), lordosis=(0.0, 0.0)))
    with pytest.raises(ReportError, match="not among the sources"):
        build_report(make.report_request(Outcome.ABNORMAL, scored), [make.dx_header(1)])


@pytest.mark.parametrize(
    "code", [ConceptCode("", "SCT", "x"), ConceptCode("1", "SCT", "m" * 65)], ids=["empty", "long"]
)
def test_a_code_that_does_not_fit_is_refused(make, code):
    finding = FindingDefinition("spondylosis", "Spondylosis", code)
    with pytest.raises(ReportError, match="code"):
        build_report(make.report_request(findings=(finding,)), [make.dx_header()])


def test_a_site_can_exchange_a_code(make):
    codes = replace(CODES, cervical_spine=ConceptCode("T-11501", "SRT", "Cervical spine"))
    report = build_report(make.report_request(), [make.dx_header()], codes)
    assert {coded(group, "363698007") for group in groups(report)} == {"T-11501"}


def test_the_image_library_describes_radiographs_that_have_orientation_and_spacing(make):
    report = tree(make.report_request(), make.dx_header())
    (library,) = children(report, "111028")
    (group,) = children(library, "126200")
    (entry,) = children(group, "260753009")
    assert (
        entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == make.dx_header().SOPInstanceUID
    )
    assert number(entry, "110910") == (2000, "{pixels}")
    assert number(entry, "111026") == (0.14, "mm")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagerPixelSpacing", None),
        ("ImagerPixelSpacing", [0.15, 0]),
        ("PatientOrientation", None),
        ("PatientOrientation", ["A", ""]),
        ("PatientOrientation", ""),
        ("Rows", None),
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
    ],
)
def test_there_is_no_image_library_when_one_image_cannot_be_described(make, keyword, value):
    header = make.dx_header(2)
    header[keyword].value = value
    report = tree(make.report_request(), make.dx_header(), header)
    assert children(report, "111028") == []


def with_level(make, outcome, level: float, **changes):
    """Make a request whose bundle also describes spondylosis at one disc."""
    site = CODES.c5_c6_disc
    described = FindingDefinition(
        "spondylosis:C5/C6", "Spondylosis at C5/C6", CODES.spondylosis, site, "spondylosis"
    )
    base = make.report_request(outcome, **changes)
    found = make.analysis(
        spondylosis=(2.0, 1.0), lordosis=(-1.0, -2.0), **{"spondylosis:C5/C6": (level, level)}
    )
    point = OperatingPoint("spondylosis:C5/C6", 0.5, None, 0.62, None, decides=False)
    return replace(
        base,
        images=(make.image(result=found),),
        findings=(*base.findings, described),
        operating_points=(*base.operating_points, point),
    )


def test_a_level_is_described_at_its_own_site(make):
    request = with_level(make, Outcome.ABNORMAL, 1.0, flagged=("spondylosis",))
    *_, level = groups(tree(request, make.dx_header()))
    assert coded(level, "121071") == CODES.spondylosis.value
    assert coded(level, "363698007") == CODES.c5_c6_disc.value
    assert coded(level, "121052") == PRESENT


def test_a_level_below_its_threshold_is_not_called_absent(make):
    request = with_level(make, Outcome.LIKELY_NORMAL, -6.0)
    *_, level = groups(tree(request, make.dx_header()))
    assert coded(level, "121052") == UNDETERMINED


def test_a_description_never_leads_the_study(make):
    request = with_level(make, Outcome.ABNORMAL, 9.0, flagged=("spondylosis",))
    study, spondylosis, *_, level = groups(tree(request, make.dx_header()))
    assert number(study, "111012") == number(spondylosis, "111012")
    assert number(level, "111012") > number(study, "111012")


def test_levels_please_the_validators(make, quick_check):
    quick_check(build_report(with_level(make, Outcome.ABNORMAL, 1.0), [make.dx_header()]))
