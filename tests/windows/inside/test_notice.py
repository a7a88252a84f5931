"""A notice goes to people's sessions and never waits for them."""

import pytest

from endpoint_shim.windows import notice


def test_the_services_own_session_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, notice.DISCONNECTED), (1, notice.ACTIVE), (2, 6), (3, notice.DISCONNECTED)]
    monkeypatch.setattr(notice, "_sessions", lambda: iter(found))
    assert notice.sessions() == [1, 3]


def test_everybody_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(notice, "_sessions", lambda: iter([(1, 0), (7, 4)]))
    monkeypatch.setattr(notice, "_send", lambda one, title, text: told.append((one, text)))
    notice.show("this device is isolated")
    assert told == [(1, "this device is isolated"), (7, "this device is isolated")]


def test_the_calls_are_windows_own_and_a_session_that_is_gone_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert isinstance(notice.sessions(), list)
    notice._send(60_000, "Fireline", "nobody")
