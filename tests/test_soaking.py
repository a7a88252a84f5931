"""The soak's length: all rounds where nothing is said, at least one where little is."""

import pytest

from tests.soaking import seconds, within

SETTING = "FIRELINE_SOAK_MINUTES"


def test_without_minutes_a_soak_goes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (None, ""):
        monkeypatch.delenv(SETTING, raising=False)
        if given is not None:
            monkeypatch.setenv(SETTING, given)
        assert list(within(range(1000))) == list(range(1000)) and seconds(300) == 300


def test_minutes_bound_it_after_its_first_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "0")
    assert list(within(range(1000))) == [0] and seconds(300) == 0
    monkeypatch.setenv(SETTING, "0.5")
    assert list(within(range(1000))) == list(range(1000)) and seconds(300) == 30
