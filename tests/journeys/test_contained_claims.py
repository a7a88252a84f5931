"""What a device says of its isolation counts only with its proof, and while it is heard."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.journeys.rig import House
from tests.journeys.scripted import Said, Scripted, Wire, client, until

pytestmark = [pytest.mark.needs("ssh")]
LIMITS = {"reserve_bytes": 1 << 20, "violations_per_hour": 10}
SHA = "ab" * 32
FULL = {"stage": "done", "scope": "full", "table_sha256": SHA, "reached": "[::1]:8443"}
COMMENT = "-comment INC-1"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("claims") / "house", LIMITS) as house:
        yield house


def last(house: House, device: str) -> dict[str, Any]:
    return house.rows(f"actions -device {device}")[0]


async def says(line: Wire, generation: int, **isolation: Any) -> None:
    await line.say({"m": "contained", "isolation": {"generation": generation, **isolation}})


async def wanted(line: Wire, what: str = "isolation") -> Said:
    return dict((await line.hears("want"))[what])


@contextlib.asynccontextmanager
async def isolated(device: Scripted) -> AsyncIterator[Wire]:
    """Online and isolated, as far as it says."""
    async with device.online() as line:
        asking = client(device.house, f"on {device.name} isolate {COMMENT}")
        want = await wanted(line)
        await says(line, want["generation"], **FULL)
        assert (await asking).status == 0
        yield line


async def test_without_a_proof_nothing_has_succeeded(house: House) -> None:
    device = Scripted(house, "claims-01")
    async with device.online() as line:
        for word, what, said in (
            ("isolate", "isolation", {"stage": "done", "scope": "full"}),
            ("restrict", "restriction", {"stage": "done", "on": True, "by": "me"}),
        ):
            asking = client(house, f"on {device.name} {word} {COMMENT}")
            want = await wanted(line, what)
            before = len(house.of_kind("violation"))
            await line.say({"m": "contained", what: {"generation": want["generation"], **said}})
            await until(lambda before=before: len(house.of_kind("violation")) == before + 1)
            assert last(house, device.name)["state"] == "InProgress"
            error = {"stage": "failed", "error": "it could not"}
            await line.say({"m": "contained", what: {"generation": want["generation"], **error}})
            assert (await asking).status == 1


async def test_already_so_is_not_said_of_a_device_that_is_away(house: House) -> None:
    """Its time to live, or a token, may have ended it meanwhile."""
    device = Scripted(house, "claims-02")
    async with isolated(device):
        pass
    ran = await client(house, f"on {device.name} isolate {COMMENT}")
    assert "pending: isolate, claims-02 is offline" in ran.err + ran.out
    async with device.online() as line:
        want = await wanted(line)
        assert (want["generation"], want["scope"]) == (2, "full")
        await says(line, 2, **FULL)
        await until(lambda: last(house, device.name)["state"] == "Succeeded")


async def test_already_so_is_said_of_one_that_answers(house: House) -> None:
    device = Scripted(house, "claims-03")
    async with isolated(device) as line:
        asking = client(house, f"on {device.name} isolate {COMMENT}")
        await line.hears("ping")
        await line.say({"m": "beat"})
        ran = await asking
        assert (ran.status, "already so" in ran.err + ran.out) == (0, True)


async def test_what_a_device_itself_denies_is_asked_of_it_again(house: House) -> None:
    device = Scripted(house, "claims-04")
    async with isolated(device) as line:
        await says(line, 1, stage="failed", scope="none", error="nft is gone")
        await until(lambda: device.name not in house.run("devices -isolated").out)
        asking = client(house, f"on {device.name} isolate {COMMENT}")
        want = await wanted(line)
        assert want["generation"] == 2
        await says(line, 2, stage="failed", scope="none", error="nft is still gone")
        ran = await asking
        assert (ran.status, "nft is still gone" in ran.err) == (1, True)


async def test_a_device_that_knows_more_than_its_broker_is_asked_above_that(house: House) -> None:
    """The broker's store came from a backup."""
    device = Scripted(house, "claims-05")
    await client(house, f"on {device.name} isolate {COMMENT}")
    async with device.online() as line:
        assert (await wanted(line))["generation"] == 1
        await says(line, 40, stage="done", scope="none")
        assert (await wanted(line))["generation"] == 41
        await says(line, 41, **FULL)
        await until(lambda: last(house, device.name)["state"] == "Succeeded")
        asking = client(house, f"on {device.name} release {COMMENT}")
        assert (await wanted(line))["generation"] == 42
        await says(line, 42, stage="done", scope="none")
        assert (await asking).status == 0


async def test_programs_that_are_blocked_without_end_hide_nothing_else(house: House) -> None:
    device = Scripted(house, "claims-06")
    async with device.online() as line:
        blocked = [{"at_ms": n, "kind": "blocked", "text": f"/tmp/x{n}"} for n in range(50)]
        await line.say({"m": "contained", "seen": blocked})
        flushed = {"at_ms": 99, "kind": "tampering", "text": "somebody flushed the rules"}
        await line.say({"m": "contained", "seen": [flushed]})
        await until(lambda: "somebody flushed" in house.run(f"timeline {device.name}").out)
        told = house.run(f"timeline {device.name}").out
        assert told.count("/tmp/x") == LIMITS["violations_per_hour"] - 1
        assert "more of this hour are not recorded (blocked)" in told
