"""Names of users that come, come late, or never come."""

import asyncio
import os
import threading

import pytest

from endpoint_shim.linux import accounts as module
from endpoint_shim.linux.accounts import MOST_LATE, Accounts


async def test_a_name_is_asked_for_once() -> None:
    asked: list[int] = []

    def user(uid: int) -> str:
        asked.append(uid)
        return f"u{uid}"

    accounts = Accounts(user=user)
    assert [await accounts.user(7), await accounts.user(7), await accounts.user(8)] == [
        "u7",
        "u7",
        "u8",
    ]
    assert asked == [7, 8]


async def test_an_id_without_a_name_is_its_number() -> None:
    assert await Accounts().user(2_000_000_000) == "2000000000"
    assert await Accounts().group(2_000_000_000) == "2000000000"
    assert await Accounts().group(os.getgid()) != ""


async def test_late_answers_are_not_waited_for_again_and_are_known_when_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LATE_S", 0.1)
    come = threading.Event()
    asked: list[int] = []

    def user(uid: int) -> str:
        asked.append(uid)
        come.wait(60)
        return f"u{uid}"

    accounts = Accounts(user=user)
    assert [await accounts.user(uid) for uid in range(50)] == [str(uid) for uid in range(50)]
    assert asked == [*range(MOST_LATE)]
    come.set()
    threads = [one for one in threading.enumerate() if one.daemon and one.name.startswith("Thread")]
    for thread in threads:
        thread.join(10)
    await asyncio.sleep(0)  # a turn of the loop, in which the answers come
    assert await accounts.user(0) == "u0"


async def test_a_name_that_is_no_text_is_made_one() -> None:
    assert await Accounts(user=lambda uid: "x\udcff").user(5) == "x?"
