"""Work in processes: in order, one by one, with a count, and never longer than who asked."""

from __future__ import annotations

import os
import subprocess
import sys
from select import select

import pytest

from training.processes import Crew


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items_and_each_is_counted(processes: int) -> None:
    counted: list[int] = []
    numbers = list(range(-20, 20))

    with Crew(processes, lambda: counted.append(1)) as crew:
        assert list(crew.each(abs, numbers)) == [abs(number) for number in numbers]

    assert len(counted) == len(numbers)


def test_an_error_in_the_work_reaches_whoever_asked_for_it() -> None:
    with Crew(1) as crew, pytest.raises(ZeroDivisionError):
        list(crew.each(lambda number: 1 / number, [1, 0]))


LONGEST_SECONDS = 60
ENDED = """
import os, signal, sys
from training.processes import Crew

if __name__ == "__main__":
    sys.stdin.close()
    with Crew(2) as crew:
        list(crew.each(abs, range(8)))
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_the_one_that_is_killed(tmp_path) -> None:
    """The end of a pipe that all of them hold is reached when the last one has gone."""
    script = tmp_path / "ended.py"
    script.write_text(ENDED)
    reading, writing = os.pipe()
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    # What the killed process starts holds its standard output, and nothing else of it.
    killed = subprocess.Popen([sys.executable, str(script)], stdout=writing, env=os.environ | paths)
    os.close(writing)

    with os.fdopen(reading, "rb") as ends_with_the_last:
        ended, _, _ = select([ends_with_the_last], [], [], LONGEST_SECONDS)
        assert ended
        assert ends_with_the_last.read() == b""
    assert killed.wait() < 0
