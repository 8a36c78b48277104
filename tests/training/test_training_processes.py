"""Work in processes: in order, one by one, with a count."""

from __future__ import annotations

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
