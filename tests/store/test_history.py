"""History is each person's own, newest last, and bounded."""

import pytest

from server.store import history
from server.store.sqlite import Store


async def test_lines_are_each_persons_own_and_in_order(store: Store) -> None:
    for person, line in (("alice", "dir"), ("bob", "pwd"), ("alice", "cd C:\\")):
        await history.add(store, person, line)
    assert await history.lines(store, "alice") == ["dir", "cd C:\\"]
    assert await history.lines(store, "alice", 1) == ["cd C:\\"]
    assert await history.lines(store, "carol") == []


async def test_only_the_last_lines_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    await history.add(store, "bob", "stays")
    for number in range(6):
        await history.add(store, "alice", f"{number}")
    assert await history.lines(store, "alice") == ["3", "4", "5"]
    assert await history.lines(store, "bob") == ["stays"]
