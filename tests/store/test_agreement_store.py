"""The index held against the spool: lost files are doubt, adopted ones never replace newer ones."""

from __future__ import annotations

import pytest

from tests.factories import DIGEST, make_analysis, make_facts, record
from triage.decision import decide
from triage.store import Arrival, StoredFile
from triage.store.agreement import AdoptionKind
from triage.store.records import FILE_LOST
from triage.values import ImageState, Mode, OperatingPoint, Outcome, ReadingClass, StudyState

POINTS = (OperatingPoint("spondylosis", 2.0, -2.0, 0.9, 0.1),)


@pytest.fixture
def arrive(store):
    """Return a function that makes an arrival whose file is really there."""

    def make(
        content: str = "a", *, instance: str = "1.2.1.1", state=ImageState.QUEUED, name: str = ""
    ) -> Arrival:
        path = f"spool/20260302T08/{name or f'{instance}-{content}'}.dcm"
        file = store.state_folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        stored = StoredFile(path, len(content), content.rjust(64, "0"))
        return Arrival(make_facts(instance=instance), stored, state, "", "MODALITY")

    return make


@pytest.fixture
def image_of(store):
    """Return a function that returns a version of the image, counted from the first."""

    def find(number: int = 0):
        return store.study("1.2.1").instances[number]

    return find


def keep(store, arrival):
    """Record an arrival as a listener does."""
    return store.record_instances([arrival])[0]


def never_older(_recorded):
    return False


def always_older(_recorded):
    return True


def test_recorded_files_come_page_by_page_in_the_order_of_their_paths(store, arrive):
    names = ["b", "a", "e", "c", "d"]
    for number, name in enumerate(names):
        keep(store, arrive(instance=f"1.2.1.{number}", name=name))
    paths = [row.path for row in store.recorded_files(page_rows=2)]
    assert paths == [f"spool/20260302T08/{name}.dcm" for name in "abcde"]
    assert store.count_recorded_files() == 5


def test_no_more_than_a_page_of_rows_is_read_before_it_is_wanted(store, arrive):
    keep(store, arrive(name="a"))
    keep(store, arrive(instance="1.2.1.2", name="b"))
    rows = store.recorded_files(page_rows=1)
    assert next(rows).path.endswith("a.dcm")
    keep(store, arrive(instance="1.2.1.3", name="c"))  # after the first page was read
    assert [row.path[-5:] for row in rows] == ["b.dcm", "c.dcm"]


def test_the_paths_of_a_folder_are_those_within_it_and_no_others(store, arrive):
    inside = keep(store, arrive(name="a"))
    record(store, make_facts(instance="1.2.1.7"))  # lies in the spool itself
    assert store.paths_in("spool/20260302T08") == {"spool/20260302T08/a.dcm"}
    assert store.paths_in("spool/20260302T0") == frozenset()
    assert store.file_at("spool/20260302T08/a.dcm").instance_id == inside.instance_id
    assert store.file_at("spool/20260302T08/b.dcm") is None


@pytest.mark.parametrize("claimed", [False, True])
def test_a_waiting_image_whose_file_is_lost_is_set_aside_and_its_study_looked_at(
    store, arrive, image_of, claimed
):
    receipt = keep(store, arrive())
    if claimed:
        store.claim_images("w", 1, 60)
    store.record_examined(store.snapshot("1.2.1"), None)
    assert store.studies_to_examine() == ()

    assert store.mark_file_lost(receipt.instance_id, image_of().path) is ImageState.SET_ASIDE
    assert (image_of().state, image_of().problem) == (ImageState.SET_ASIDE, FILE_LOST)
    assert store.studies_to_examine() == ("1.2.1",)
    assert store.claim_images("w", 1, 60) == ()
    assert not store.finish_image(receipt.instance_id, "w", make_analysis(), "")


def test_a_study_with_a_lost_image_is_not_lowered_though_every_other_is_ruled_out(store, arrive):
    keep(store, arrive(instance="1.2.1.1"))
    lost = keep(store, arrive(instance="1.2.1.2"))
    (image,) = store.claim_images("w", 1, 60)
    store.finish_image(image.instance_id, "w", make_analysis(-9.0), "")
    store.mark_file_lost(lost.instance_id, store.recorded_file(lost.instance_id).path)
    store.association_released(["1.2.1"])

    evidence = store.snapshot("1.2.1").evidence
    decision = decide(evidence, POINTS, ["one"], DIGEST, Mode.DEMOTE)
    assert decision.outcome is Outcome.NOT_ASSESSABLE
    assert decision.reading_class is ReadingClass.ROUTINE
    assert decision.reasons == (FILE_LOST,)


def test_an_analysed_image_keeps_its_result_when_its_file_is_lost(store, arrive, image_of):
    receipt = keep(store, arrive())
    store.claim_images("w", 1, 60)
    store.finish_image(receipt.instance_id, "w", make_analysis(-9.0), "")
    before = store.snapshot("1.2.1").changes

    for _ in range(2):  # saying it twice is saying it once
        assert store.mark_file_lost(receipt.instance_id, image_of().path) is ImageState.ANALYSED
    assert image_of().analysis == make_analysis(-9.0)
    assert image_of().problem == FILE_LOST
    assert store.snapshot("1.2.1").changes == before
    assert store.recorded_file(receipt.instance_id).is_lost


def test_the_reason_why_an_image_is_not_eligible_outlives_the_loss_of_its_file(
    store, arrive, image_of
):
    facts = arrive(state=ImageState.NOT_ELIGIBLE)
    receipt = store.record_instance(
        facts.facts, facts.file, state=facts.state, problem="a knee", calling_ae_title="A"
    )
    store.mark_file_lost(receipt.instance_id, image_of().path)
    assert image_of().problem == f"a knee; {FILE_LOST}"
    assert store.file_returned(receipt.instance_id, image_of().path) is ImageState.NOT_ELIGIBLE
    assert image_of().problem == "a knee"


def test_a_row_that_names_another_file_by_now_is_not_marked(store, arrive, image_of):
    receipt = keep(store, arrive())
    assert store.mark_file_lost(receipt.instance_id, "spool/20260302T08/x.dcm") is None
    assert store.mark_file_lost(receipt.instance_id + 1, image_of().path) is None
    assert image_of().state is ImageState.QUEUED


def test_an_image_whose_file_is_there_again_waits_again_and_its_study_arrives_again(
    store, clock, arrive, image_of
):
    receipt = keep(store, arrive())
    store.mark_file_lost(receipt.instance_id, image_of().path)
    store.association_released(["1.2.1"])
    clock.advance(100)

    assert store.file_returned(receipt.instance_id, image_of().path) is ImageState.QUEUED
    assert (image_of().state, image_of().problem, image_of().attempts) == (ImageState.QUEUED, "", 0)
    assert store.snapshot("1.2.1").state is StudyState.ARRIVING
    assert store.close_quiet(10) == ()  # the quiet time runs anew
    assert store.file_returned(receipt.instance_id, image_of().path) is None


def test_an_image_that_was_set_aside_for_another_reason_stays_set_aside(store, arrive, image_of):
    receipt = keep(store, arrive())
    store.claim_images("w", 1, 60)
    store.fail_image(receipt.instance_id, "w", "no pixels", maximum_attempts=1)
    store.mark_file_lost(receipt.instance_id, image_of().path)
    assert store.file_returned(receipt.instance_id, image_of().path) is ImageState.SET_ASIDE
    assert image_of().problem == "no pixels"


def test_the_same_image_sent_again_is_stored_again_after_its_file_was_lost(store, arrive, image_of):
    receipt = keep(store, arrive())
    lost = store.state_folder / image_of().path
    lost.unlink()
    store.mark_file_lost(receipt.instance_id, image_of().path)
    assert keep(store, arrive(name="again")).takes_file
    (image,) = store.claim_images("w", 9, 60)
    assert image.path == "spool/20260302T08/again.dcm"


def test_an_adopted_file_opens_its_study_as_a_received_one_does(store, arrive, image_of):
    adoption = store.adopt_instance(arrive(), never_older)
    assert (adoption.kind, adoption.takes_file) == (AdoptionKind.NEW, True)
    assert image_of().state is ImageState.QUEUED
    assert store.studies_to_examine() == ("1.2.1",)


def test_a_path_that_is_recorded_is_not_adopted(store, arrive):
    arrival = arrive()
    keep(store, arrival)
    assert store.adopt_instance(arrival, never_older) is None


def test_an_adopted_file_with_recorded_bytes_is_a_duplicate(store, arrive, image_of):
    receipt = keep(store, arrive())
    adoption = store.adopt_instance(arrive(name="copy"), always_older)
    assert (adoption.kind, adoption.takes_file) == (AdoptionKind.DUPLICATE, False)
    assert adoption.instance_id == receipt.instance_id
    assert len(store.study("1.2.1").instances) == 1


def test_an_adopted_file_takes_the_place_of_its_lost_twin(store, arrive, image_of):
    receipt = keep(store, arrive())
    store.claim_images("w", 1, 60)
    store.finish_image(receipt.instance_id, "w", make_analysis(), "")
    (store.state_folder / image_of().path).unlink()
    store.mark_file_lost(receipt.instance_id, image_of().path)

    adoption = store.adopt_instance(arrive(name="copy"), always_older)
    assert adoption.kind is AdoptionKind.RESTORED
    (image,) = store.study("1.2.1").instances
    assert (image.path, image.problem) == ("spool/20260302T08/copy.dcm", "")
    assert image.state is ImageState.ANALYSED


def test_a_newer_adopted_file_becomes_the_version_that_stands(store, arrive, image_of):
    keep(store, arrive("a"))
    assert store.adopt_instance(arrive("b"), never_older).kind is AdoptionKind.NEW_VERSION
    assert [(one.version, one.superseded) for one in store.study("1.2.1").instances] == [
        (1, True),
        (2, False),
    ]


def test_an_older_adopted_file_is_recorded_and_changes_nothing(store, arrive, image_of):
    keep(store, arrive("a"))
    before = store.snapshot("1.2.1")
    assert store.adopt_instance(arrive("b"), always_older).kind is AdoptionKind.OLDER_VERSION

    assert store.snapshot("1.2.1") == before
    old = image_of(1)
    assert (old.version, old.superseded, old.state) == (2, True, ImageState.SET_ASIDE)
    (waiting,) = store.claim_images("w", 9, 60)
    assert waiting.path == "spool/20260302T08/1.2.1.1-a.dcm"


def test_an_older_adopted_file_with_the_bytes_of_a_replaced_version_is_a_duplicate(store, arrive):
    keep(store, arrive("a"))
    keep(store, arrive("b"))
    assert store.adopt_instance(arrive("a", name="x"), always_older).kind is AdoptionKind.DUPLICATE
    (store.state_folder / "spool/20260302T08/1.2.1.1-a.dcm").unlink()
    assert store.adopt_instance(arrive("a", name="y"), always_older).kind is AdoptionKind.RESTORED
    assert [one.path for one in store.study("1.2.1").instances] == [
        "spool/20260302T08/y.dcm",
        "spool/20260302T08/1.2.1.1-b.dcm",
    ]


def test_the_question_of_age_is_put_about_the_version_that_stands(store, arrive):
    keep(store, arrive("a"))
    keep(store, arrive("b"))
    asked = []

    def note(recorded):
        asked.append(recorded.path)
        return True

    store.adopt_instance(arrive("c"), note)
    assert asked == ["spool/20260302T08/1.2.1.1-b.dcm"]
