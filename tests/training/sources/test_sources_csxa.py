"""The Cervical Spine X-ray Atlas, with the faults that its download has."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.training.sources.conftest import HEADER, kinds
from training.errors import DataError
from training.phantom import draw_case, render
from training.sources import open_set
from training.sources.landmarks import FIRST, NAMES, SECOND, faces_right
from training.sources.pixels import landmarks_in_frame, read_grey
from training.sources.screenshots import find_overlays


def swapped(points, *names):
    points = points.copy()
    for name in names:
        one, other = (NAMES.index(f"{name} {side}") for side in ("left", "right"))
        points[[one, other]] = points[[other, one]]
    return points


def test_names_landmarks_and_sheet_are_joined(atlas):
    atlas.add("0001035", 0, row=(1, 0, 35, 2, 5))
    atlas.add("0002140", 1, row=(2, 1, 40, 1, 2))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    first, second = data.films
    assert (first.film, first.sex, first.age_years) == ("0001035", "M", 35)
    assert first.labels == {
        "abnormal": None,
        "symptomatic": False,
        "kyphosis": True,
        "lost-lordosis": False,
        "sigmoid": False,
    }
    assert second.labels["symptomatic"]
    assert second.labels["lost-lordosis"]
    assert second.sex == "F"
    np.testing.assert_allclose(first.landmarks, atlas.points(0), atol=1e-3)
    assert kinds(data.faults) == []


def test_a_download_in_a_folder_too_many_is_found(atlas):
    atlas.folder = atlas.folder / "V3" / "csxa"
    atlas.add("0001035")
    atlas.write_sheet()
    litter = atlas.folder.parent / "__MACOSX" / "datasets-PNG"
    litter.mkdir(parents=True)
    (litter / "._0001035.png").write_bytes(b"")
    assert len(open_set(atlas.folder.parent.parent).films) == 1


def test_the_header_may_stand_in_the_first_row_and_name_columns_plainly(atlas):
    atlas.top_rows = ()
    atlas.add("0001035", row=(1, 0, 35, 1, 3))
    sheet = atlas.write_sheet("dataset.xlsx")
    assert sheet.exists()
    (film,) = open_set(atlas.folder).films
    assert film.labels["sigmoid"]


def test_numbers_may_be_decimals_and_an_empty_one_is_counted_on(atlas):
    atlas.add("0001035", 0, row=(1.0, 0.0, 35.0, 1.0, 1.0))
    atlas.add("0002035", 1, row=(None, 0, 35, 2, 5))
    atlas.add("0003035", 2, row=(3, 0, 35, 1, 1))
    atlas.rows.append((None, 1, 50, 1, 1))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert data.films[1].labels["kyphosis"]
    done = [fault.done for fault in data.faults if fault.kind == "empty-number"]
    assert done == ["taken as 2", "row left out"]


def test_what_cells_cannot_mean_is_named_with_its_row(atlas):
    atlas.add("0001035", 0, row=(1, 7, 351, 3, "kyph"))
    atlas.add("0002035", 1, row=(2, 0, 35, 1, 1))
    atlas.rows += [(2, 0, 35, 1, 1), (1, 0, 35, 2, 2)]
    atlas.write_sheet()
    data = open_set(atlas.folder)
    whats = [fault.what for fault in data.faults if fault.kind == "unknown-value"]
    assert len(whats) == 4
    assert all("row 3" in what for what in whats)
    assert "contradicting-rows" in kinds(data.faults)
    assert "double-row" in kinds(data.faults)
    assert data.films[0].labels["symptomatic"] is None
    assert data.films[1].labels["symptomatic"] is True


def test_missing_parts_are_counted_and_nothing_is_dropped(atlas):
    atlas.add("0001035", 0, shapes=False)
    atlas.add("0002035", 1, row=None)
    atlas.rows.append((9, 0, 35, 1, 1))
    atlas.write_sheet()
    (atlas.folder / "datasets-PNG" / "notes.txt").write_text("")
    (atlas.folder / "datasets-PNG" / "copy.png").write_bytes(b"")
    (atlas.folder / "datasets-JSON" / "4000035.json").write_text("{}")
    (atlas.folder / "datasets-PNG" / "0003035.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    data = open_set(atlas.folder)
    assert [film.film for film in data.films] == ["0001035", "0002035"]
    assert data.films[0].landmarks is None
    assert kinds(data.faults) == [
        "json-without-image",
        "missing-json",
        "missing-json",
        "missing-row",
        "no-image",
        "odd-name",
        "other-file",
        "unreadable-film",
    ]


def test_a_set_without_sheet_has_films_without_labels(atlas):
    atlas.add("0001135")
    data = open_set(atlas.folder)
    assert (data.films[0].sex, data.films[0].age_years) == ("F", 35)
    assert data.films[0].labels["symptomatic"] is None
    assert kinds(data.faults) == ["missing-part"]


def test_landmarks_of_another_age_in_the_name_are_joined_by_case_number(atlas):
    atlas.add("0001035")
    jsons = atlas.folder / "datasets-JSON"
    (jsons / "0001035.json").rename(jsons / "0001034.json")
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert data.films[0].landmarks is not None
    assert kinds(data.faults) == ["name-differs"]


def test_a_sheet_that_disagrees_with_the_name_is_believed(atlas):
    atlas.add("0001035", row=(1, 1, 36, 1, 1))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert (data.films[0].sex, data.films[0].age_years) == ("F", 36)
    assert kinds(data.faults) == ["age-differs", "sex-differs"]


def test_labels_vary_and_points_come_as_polygons(atlas):
    shapes = atlas.shapes(0)
    shapes[3]["label"] = "  c3 TOP  Left "
    shapes[4] |= {"shape_type": "polygon"}
    x, y = shapes[5]["points"][0]
    shapes[5] |= {"shape_type": "polygon", "points": [[x - 1, y], [x, y + 1], [x + 2, y]]}
    shapes.insert(0, {"label": "C3 top right", "points": [[x, y]]})
    shapes.append({"label": "T1", "points": [[1, 1]], "shape_type": "point"})
    shapes.append({"label": "C7 top left", "points": [], "shape_type": "point"})
    shapes.reverse()
    atlas.add("0001035", shapes=shapes, imageWidth=99, imageHeight=88)
    atlas.write_sheet()
    data = open_set(atlas.folder)
    found, expected = data.films[0].landmarks, atlas.points(0)
    assert np.abs(found - expected).max() < 1.1
    assert kinds(data.faults) == [
        "double-landmark",
        "empty-shape",
        "polygon",
        "size-differs",
        "unknown-label",
    ]


@pytest.mark.parametrize(
    "pairs",
    [
        ("C5 bottom",),
        ("C5 bottom", "C6 bottom"),
        ("C6 top",),
        ("C5 top", "C6 top", "C6 bottom"),
        ("C6 top", "C6 bottom"),
    ],
)
def test_swapped_sides_are_seen_and_put_right(atlas, pairs):
    points = swapped(atlas.points(0), *pairs)
    atlas.add("0049040", shapes=atlas.shapes(points=points))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    np.testing.assert_allclose(data.films[0].landmarks, atlas.points(0), atol=1e-3)
    (fault,) = data.faults
    assert fault.kind == "swapped-sides"
    assert all(pair in fault.what for pair in pairs)


def test_who_faces_right_has_anterior_corners_first(atlas):
    truth = atlas.points(5)  # anterior first, which is on the right of this picture
    by_side = truth.copy()
    by_side[FIRST], by_side[SECOND] = truth[SECOND], truth[FIRST]
    atlas.add("0001035", 5, shapes=atlas.shapes(points=by_side))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert faces_right(data.films[0].landmarks)
    np.testing.assert_allclose(data.films[0].landmarks, truth, atol=1e-3)


def test_landmarks_that_make_no_spine_are_left_out(atlas):
    points = atlas.points(0).copy()
    points[3:7], points[15:19] = atlas.points(0)[15:19], atlas.points(0)[3:7]
    atlas.add("0001035", shapes=atlas.shapes(points=points))
    ends = atlas.points(1).copy()
    ends[7:11] = atlas.points(1)[[9, 10, 7, 8]]
    ends[0] = (900, 900)
    atlas.add("0002035", 1, shapes=atlas.shapes(points=ends))
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert data.films[0].landmarks is None
    np.testing.assert_allclose(data.films[1].landmarks[1:], atlas.points(1)[1:], atol=1e-3)
    assert kinds(data.faults) == [
        "disordered-landmarks",
        "missing-landmark",
        "stray-landmark",
        "swapped-ends",
    ]


def test_a_landmark_file_that_is_none_leaves_the_film(atlas):
    atlas.add("0001035")
    atlas.write_sheet()
    for text in ("{", '{"shapes": [{"label": "C2 centroid", "points": [1]}]}', "[]"):
        (atlas.folder / "datasets-JSON" / "0001035.json").write_text(text)
        data = open_set(atlas.folder)
        assert data.films[0].landmarks is None
        assert kinds(data.faults) == ["unreadable-json"]


def test_bone_that_is_dark_is_turned_over(atlas):
    atlas.add("0001035", picture=ImageOps.invert(atlas.picture(0)))
    atlas.add("0002035", 1)
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert [film.inverted for film in data.films] == [True, False]
    assert kinds(data.faults) == ["inverted"]
    expected = np.asarray(atlas.picture(0))[..., 0]
    seen = read_grey(data.films[0])
    assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.999
    received = read_grey(data.films[0], as_received=True)
    assert np.corrcoef(received.ravel(), expected.ravel())[0, 1] < -0.999


def test_near_duplicates_are_one_group_by_shape_and_by_picture(atlas):
    atlas.add("0006035", 0)
    shifted = atlas.points(0) * 0.9 + (6, 4)
    blank = Image.fromarray(np.random.default_rng(1).integers(0, 255, (256, 210, 3), np.uint8))
    atlas.add("0007035", shapes=atlas.shapes(points=shifted), picture=blank)
    cut = atlas.picture(1).crop((5, 6, 205, 250)).resize((150, 183))
    atlas.add("0008035", 1)
    atlas.add("0009035", shapes=False, picture=cut)
    atlas.add("0010035", 2)
    atlas.write_sheet()
    data = open_set(atlas.folder)
    assert [film.group for film in data.films] == ["0006", "0006", "0008", "0008", "0010"]
    whats = [fault.what for fault in data.faults if fault.kind == "near-duplicate"]
    assert whats == ["landmarks of the same shape as 0007035", "the same picture as 0009035"]


def test_jpeg_in_png_and_alpha_are_read_alike(atlas):
    picture = atlas.picture(0)
    atlas.add("0001035", picture=picture)
    path = atlas.add("0002035", 0)
    picture.save(path, "JPEG", quality=100, subsampling=0)
    alpha = picture.convert("RGBA")
    alpha.putalpha(128)
    atlas.add("0003035", picture=alpha)
    atlas.write_sheet()
    plain, jpeg, transparent = (read_grey(film) for film in open_set(atlas.folder).films)
    np.testing.assert_array_equal(plain, transparent)
    assert np.abs(plain.astype(float) - jpeg).max() < 8


def test_a_sheet_without_the_needed_columns_is_refused(atlas):
    atlas.add("0001035")
    atlas.rows = []
    header = list(HEADER)
    header[0] = "Case"
    atlas.top_rows = (tuple(header),)
    sheet = atlas.write_sheet()
    assert open_set(atlas.folder).films  # the true header stands in the second row
    sheet.write_bytes(b"PK no workbook")
    with pytest.raises(DataError, match=r"datasets\.xlsx is no readable workbook"):
        open_set(atlas.folder)


def test_a_folder_of_nothing_says_what_was_looked_for(tmp_path, atlas):
    with pytest.raises(DataError, match=r"neither the folder datasets-PNG.*truth\.csv.*--table"):
        open_set(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        open_set(tmp_path / "nowhere")
    (atlas.folder / "datasets-PNG").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no image named by case number"):
        open_set(atlas.folder)


def test_screenshots_are_cut_and_masked(atlas, draw_screen):
    large = atlas.picture(0).resize((420, 512))
    shapes = atlas.shapes(points=atlas.points(0) * 2)
    atlas.add("0001035", picture=draw_screen(large), shapes=shapes)
    atlas.write_sheet()
    data = open_set(atlas.folder)
    (film,) = data.films
    left, top, right, bottom = film.frame
    assert 4 <= top < 12
    assert 500 <= bottom <= 509
    bar, *_, text = film.masked  # and the marker of the film
    assert bar[0] <= 300
    assert bar[2] >= 408
    assert bar[1] <= 34
    assert bar[3] >= 48
    assert text[0] <= 212
    assert text[3] >= 498
    assert sum((b[2] - b[0]) * (b[3] - b[1]) for b in film.masked) < 0.05 * 420 * 512
    shown = read_grey(film)
    assert shown.shape == (bottom - top, right - left)
    np.testing.assert_allclose(landmarks_in_frame(film), film.landmarks - (left, top))
    assert kinds(data.faults) == ["screenshot"]


def test_a_film_that_is_no_screenshot_loses_at_most_its_marker():
    for seed in range(2):
        grey = (render(draw_case(seed)).pixels // 16).astype(np.uint8)
        found = find_overlays(np.repeat(grey[..., None], 3, axis=2))
        masked = sum((box[2] - box[0]) * (box[3] - box[1]) for box in found.masked)
        assert masked < 0.01 * grey.size


REAL_BOXES = {  # toolbar, text, and the letter R where it is not behind the toolbar
    "0001035": 2,
    "0002035": 3,
    "0003035": 3,
    "0004035": 3,
    "0008035": 3,
    "0011036": 3,
}


def test_the_six_real_films_are_read_and_only_their_screens_are_masked(test_data):
    data = open_set(test_data / "csxa")
    assert {film.film: len(film.masked) for film in data.films} == REAL_BOXES
    assert kinds(data.faults) == ["no-image"] * 6 + ["screenshot"] * 6
    assert len({film.group for film in data.films}) == 6
    for film in data.films:
        assert not film.inverted
        assert not faces_right(film.landmarks)
        left, top, right, bottom = film.frame
        assert (film.landmarks > (left, top)).all()
        assert (film.landmarks < (right, bottom)).all()
        upper, lower = film.masked[:-1], film.masked[-1]
        assert max(box[3] for box in upper) < film.landmarks[0, 1]  # above C2, at its back
        assert min(box[0] for box in upper) > film.landmarks[:, 0].max()
        assert lower[1] > film.landmarks[:, 1].max() + 50
        masked = sum((b[2] - b[0]) * (b[3] - b[1]) for b in film.masked)
        assert masked < 0.02 * (right - left) * (bottom - top)
    curves = {film.film: film.labels["sigmoid"] for film in data.films}
    assert curves["0001035"] is True
    assert curves["0008035"] is None
