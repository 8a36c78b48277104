"""A phantom of cervical spine radiographs with known truth, drawn by seed."""

from training.phantom.cases import draw_case
from training.phantom.films import disc_labels, render
from training.phantom.values import (
    DISCS,
    VERTEBRAE,
    Degradation,
    Film,
    PhantomCase,
    Spine,
    View,
)

__all__ = [
    "DISCS",
    "VERTEBRAE",
    "Degradation",
    "Film",
    "PhantomCase",
    "Spine",
    "View",
    "disc_labels",
    "draw_case",
    "render",
]
