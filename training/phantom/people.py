"""Invented people for phantom studies: names from many places, none of a real person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

# Family^Given; ideographic and phonetic groups follow the equals signs (PS3.5 6.2).
WOMEN = (
    "Hartmann^Ilse",
    "Okonkwo^Adaeze",
    "Lindqvist^Maja",
    "Moreau^Cécile",
    "Peña^Lucía",
    "Kowalczyk^Zofia",
    "Παπαδάκη^Ελένη",
    "Ковальчук^Оксана",
    "Nakamura^Yuki=中村^由紀=なかむら^ゆき",
    "Han^Soyeon=韓^素妍=한^소연",
    "Desai^Meera",
    "Tran^Thu Ha",
    "Baker-Lowe^Joanna",
    "Çelik^Defne",
    "O'Dwyer^Sinéad",
    "Ferreira^Inês",
    "Nguema^Clarisse",
    "Virtanen^Aino",
    "Castellano^Giulia",
    "Shaw^Patricia^Anne",
    "كنعان^ليلى",
    "Horváth^Réka",
)
MEN = (
    "Brandt^Joachim",
    "Adeyemi^Tunde",
    "Sørensen^Mikkel",
    "Lefèvre^Antoine",
    "Ibáñez^Rafael",
    "Nowicki^Tomasz",
    "Мельник^Тарас",  # noqa: RUF001 - Cyrillic on purpose
    "Wang^Jianguo=王^建国",
    "Mori^Kenta=森^健太=もり^けんた",
    "Seo^Minjae=徐^民載=서^민재",
    "Iyer^Raghav",
    "Pham^Quoc Bao",
    "Whitfield^George^Alan^Dr.",
    "Yıldız^Emre",  # noqa: RUF001 - Turkish on purpose
    "MacLeod^Iain",
    "Tavares^Duarte",
    "Mbeki-Jones^Sipho",
    "Korhonen^Eero",
    "Marchetti^Paolo",
    "van der Meer^Pieter",
    "حداد^سامي",
    "Novák^Jiří",
)


@dataclass(frozen=True, slots=True)
class Patient:
    """Who a study is of, as its header says.

    Attributes:
        name: Patient's Name (0010,0010).
        identifier: Patient ID (0010,0020).
        birth_date: Patient's Birth Date (0010,0030).
        sex: ``"M"`` or ``"F"``.
    """

    name: str
    identifier: str
    birth_date: date
    sex: str


def draw_patient(seed: int, number: int, case: PhantomCase, today: date) -> Patient:
    """Invent the patient of a case.

    Args:
        seed: Of the whole set; different numbers of one set get different names while the
            list lasts.
        number: Which patient of the set.
        case: Gives sex and age.
        today: Day of the examination.
    """
    names = WOMEN if case.sex == "F" else MEN
    order = np.random.default_rng((seed, 77)).permutation(len(names))
    days = int(np.random.default_rng((seed, 78, number)).integers(1, 360))
    born = today - timedelta(days=int(int(case.age_years) * 365.25) + days)
    return Patient(
        name=names[order[number % len(names)]],
        identifier=f"PH{seed % 1000:03d}{number:05d}",
        birth_date=born,
        sex=case.sex,
    )
