"""Hospitals and machines: each film has an origin, and the origin shows in the grey levels only."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from training.phantom import draw_case
from training.phantom.exposure import Exposure, expose
from training.phantom.sites import SITES, origin_of

MACHINES = {machine for site in SITES for machine, _ in site.machines}


def test_every_hospital_and_every_machine_takes_its_share():
    origins = [origin_of(draw_case(seed)) for seed in range(400)]
    sites = Counter(origin.site.name for origin in origins)
    makers = Counter(origin.machine.manufacturer for origin in origins)
    assert set(sites) == {site.name for site in SITES}
    assert min(sites.values()) > 60
    assert set(makers) == {machine.manufacturer for machine in MACHINES}
    assert min(makers.values()) > 30


def test_no_hospital_is_known_by_its_machine_alone():
    """A maker has machines in two hospitals, so that site and manufacturer are two strata."""
    homes = Counter(machine.manufacturer for site in SITES for machine, _ in site.machines)
    assert max(homes.values()) == 2


def test_the_origin_says_nothing_about_the_findings():
    cases = [draw_case(seed) for seed in range(600)]
    for site in SITES:
        share = np.mean([case.abnormal for case in cases if origin_of(case).site is site])
        assert share == pytest.approx(0.5, abs=0.09)


@pytest.mark.parametrize("tone", ["sigmoid", "film", "window"])
def test_every_display_curve_rises_with_what_the_rays_passed_through(tone):
    ramp = np.repeat(np.linspace(0, 6, 400, dtype=np.float32)[None], 200, axis=0)
    exposure = Exposure(
        quanta_per_mm2=1e9, scatter_ratio=0.0, enhancement=0.0, tone=tone, point_spread_mm=0.1
    )
    target = np.s_[50:150, 100:300]
    grey = expose(ramp, exposure, 0.5, target, np.random.default_rng(1)).mean(axis=0)
    assert (np.diff(grey) > -1).all()
    assert grey[0] < 400
    assert grey[-1] > 3600
    assert 1600 < grey[200] < 2500


def test_machines_show_the_same_rays_differently():
    looks = {(machine.tone, machine.contrast, machine.halo_mm) for machine in MACHINES}
    assert len(looks) == len(MACHINES) == 4
