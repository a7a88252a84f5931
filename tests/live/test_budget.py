"""So many in so long, for each owner."""

import pytest

from server.live.budget import Budget


@pytest.mark.parametrize("most", [1, 3])
def test_what_is_spent_comes_back_in_time_and_to_its_owner_alone(most: int) -> None:
    budget = Budget(most, 60)
    assert [budget.spend("a", at) for at in range(most + 2)] == [*range(most, 0, -1), 0, 0]
    assert budget.spend("b", 5) == most
    assert budget.spend("a", 59.9) == 0
    assert budget.spend("a", 60) == 1
    assert budget.left("a", 1000) == most


def test_who_has_spent_nothing_for_long_takes_no_room() -> None:
    budget = Budget(2, 1)
    for number in range(1000):
        budget.spend(str(number), 0)
        budget.left(str(number), 2)
    assert budget._spent == {}
