"""Factories of small data sets, whole and faulty."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from PIL import Image, ImageDraw, ImageFilter

from training.phantom import draw_case, render
from training.sources.landmarks import NAMES
from training.values import FilmRecord

HEADER = (
    "Number",
    "Gender:female-1,male-0",
    "Age",
    "Disease classification: 1. Cervical spondylosis; 2. Healthy",
    "Curvature: 1.Lordotic, 2.Straight, 3.Sigmoid1, 4.Sigmoid2, 5.Kyphotic",
)


@dataclass
class Atlas:
    """A folder in the layout of the atlas, to be filled and spoilt."""

    folder: Path
    films: list[Any]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    top_rows: tuple[tuple[Any, ...], ...] = (("demographic", None, None, "disease", None),)

    def add(
        self,
        name: str,
        film: int = 0,
        *,
        shapes: Any = None,
        row: tuple[Any, ...] | None = (),
        picture: Image.Image | None = None,
        suffix: str = ".png",
        **content: Any,
    ) -> Path:
        """Add a film with landmarks and a row; None for either leaves it out."""
        images, jsons = self.folder / "datasets-PNG", self.folder / "datasets-JSON"
        images.mkdir(parents=True, exist_ok=True)
        jsons.mkdir(exist_ok=True)
        path = images / f"{name}{suffix}"
        (picture or self.picture(film)).save(path)
        if shapes is not False:
            text = {"shapes": shapes or self.shapes(film), "imageData": None, **content}
            (jsons / f"{name}.json").write_text(json.dumps(text))
        if row is not None:
            self.rows.append(row or (int(name[:4]), int(name[4]), int(name[5:]), 1, 1))
        return path

    def picture(self, film: int = 0) -> Image.Image:
        """A phantom film in colours, as a screenshot is, and as soft as its few pixels allow."""
        grey = Image.fromarray((self.films[film].pixels // 16).astype(np.uint8))
        return grey.filter(ImageFilter.GaussianBlur(1)).convert("RGB")

    def points(self, film: int = 0) -> np.ndarray:
        """Its landmarks."""
        return self.films[film].keypoints

    def shapes(self, film: int = 0, points: np.ndarray | None = None) -> list[dict[str, Any]]:
        """Its landmarks in LabelMe's shapes."""
        places = self.points(film) if points is None else points
        return [
            {"label": name, "points": [[float(x), float(y)]], "shape_type": "point"}
            for name, (x, y) in zip(NAMES, places, strict=True)
        ]

    def write_sheet(self, name: str = "datasets.xlsx") -> Path:
        """Write the sheet with the rows that were added."""
        book = openpyxl.Workbook()
        for row in (*self.top_rows, HEADER, *self.rows):
            book.active.append(list(row))
        book.save(self.folder / name)
        return self.folder / name


@pytest.fixture(scope="session")
def phantom_films():
    """Six phantom films that differ: the spine of one faces right."""
    return [_drawn(seed, "right" if seed == 5 else "left") for seed in range(6)]


def _drawn(seed: int, facing: str):
    """A film whose landmarks slope forwards by eight degrees more, as they do in the atlas."""
    film = render(draw_case(seed, facing=facing), pixel_spacing_mm=1.0)
    points = film.keypoints.copy()
    lean = np.tan(np.radians(8)) * (1 if facing == "right" else -1)
    points[:, 1] += lean * (points[:, 0] - points[:, 0].mean())
    return replace(film, keypoints=points)


@pytest.fixture
def atlas(tmp_path, phantom_films) -> Atlas:
    """Return an empty folder in the layout of the atlas."""
    return Atlas(tmp_path / "csxa", phantom_films)


@pytest.fixture
def film():
    """Return a factory of records without files."""

    def make(name: str, group: str = "", **values: Any) -> FilmRecord:
        labels = values.pop("labels", {"abnormal": None})
        return FilmRecord(
            film=name,
            path=Path(name),
            patient=values.pop("patient", group or name),
            group=group or name,
            labels=labels,
            **values,
        )

    return make


@pytest.fixture
def draw_screen():
    """Return a function that draws over a picture what a screenshot carries."""

    def draw(picture: Image.Image) -> Image.Image:
        shown = picture.copy()
        pen = ImageDraw.Draw(shown)
        width, height = shown.size
        pen.line((0, 2, width, 2), fill=(255, 0, 0), width=2)
        pen.line((0, height - 3, width, height - 3), fill=(255, 0, 0), width=2)
        pen.rectangle((width - 120, 30, width - 10, 52), fill=(255, 255, 255))
        for number in range(4):
            left = width - 110 + 26 * number
            pen.rectangle((left, 34, left + 12, 48), fill=(0, 110, 210))
        pen.text(
            (width // 2, height - 22), "W:4096 L:2048", fill="white", stroke_width=1, stroke_fill=0
        )
        return shown

    return draw


def kinds(faults) -> list[str]:
    """The kinds of faults, in alphabetical order."""
    return sorted(fault.kind for fault in faults)
