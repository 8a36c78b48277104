"""Places for associations: counted over processes, and never lost with one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

from triage.intake.places import Places

HOLDER = """
import sys
from pathlib import Path
from triage.intake.places import Places
places = Places(Path(sys.argv[1]))
print([places.take("peer", 3) is not None for _ in range(2)], flush=True)
sys.stdin.read()
"""


def taken(places, key, limit):
    """Take what there is and return how many places it was."""
    return sum(places.take(key, limit) is not None for _ in range(limit + 1))


def test_a_key_has_as_many_places_as_its_limit_and_each_key_its_own(tmp_path):
    with closing(Places(tmp_path)) as places:
        assert taken(places, "peer", 3) == 3
        assert taken(places, "other", 2) == 2


def test_a_place_that_is_given_back_can_be_taken_again(tmp_path):
    with closing(Places(tmp_path)) as places:
        place = places.take("peer", 1)
        assert places.take("peer", 1) is None
        places.free(place)
        places.free(place)
        assert places.take("peer", 1) == place


def test_processes_count_together_and_a_killed_one_gives_its_places_back(tmp_path, root):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    with holder, closing(Places(tmp_path)) as places:
        assert holder.stdout.readline() == "[True, True]\n"
        assert taken(places, "peer", 3) == 1
        holder.kill()
        holder.wait()
        assert taken(places, "peer", 3) == 2
