"""The guard as a process: it isolates, proves, mends, counts down, and comes back."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commands.language.release_token import Release, said, written
from commands.language.wire_contain import Allowance, Isolate, Want
from endpoint_shim import durable, guard_state
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.linux.guarded import ATTACKER, DEVICE, MOVED, Guarded, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, run
from tests.endpoint_shim.waiting import until

pytestmark = [PROGRAMS, ROOT]
TABLE = "table inet fireline_isolation"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Guarded, Door]]:
    async with guarded(tmp_path) as made:
        yield made


@pytest.fixture
async def device(both: tuple[Guarded, Door]) -> Guarded:
    await both[0].start()
    return both[0]


def blocked(device: Guarded) -> bool:
    return not device.device.reaches(ATTACKER, 4444, 0.3)


async def test_it_isolates_proves_it_and_says_what_is_in_force(device: Guarded) -> None:
    with device.world.listens(ATTACKER, 4444) as attacker:
        shell = device.device.connects(ATTACKER, 4444)
        far, _ = attacker.accept()
        with shell, far:
            device.isolate()
            now = await device.settled()
            assert (now.stage, now.scope, now.cut) == ("done", "full", 1), now
            assert now.reached == device.place and now.error == ""
            assert TABLE in now.table and len(now.table_sha256) == 64
            with pytest.raises(ConnectionAbortedError):
                shell.recv(1)
            assert blocked(device)
        device.isolate(scope="none")
        now = await device.settled()
        assert (now.stage, now.scope, now.table_sha256) == ("done", "none", "")
        assert not blocked(device)
        assert TABLE not in device.rules()


async def test_without_the_broker_it_is_undone_and_says_what_was_seen(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    await device.start()
    door.server.close()  # type: ignore[union-attr]
    device.device.run("nft", "-f", "-", given="table inet own {\n\tchain c {\n\t}\n}\n")
    before = device.rules()
    device.isolate()
    await device.until(lambda i: i.stage == "converging" and i.scope == "full")
    now = await device.settled()
    assert (now.stage, now.scope) == ("failed", "none")
    assert device.place in now.error and f"asked from {DEVICE} by d0" in now.error
    assert device.rules() == before
    # That generation is answered for good, whoever asks again and whatever comes back.
    await device.stop()
    await device.start()
    await device.until(lambda i: i.stage == "failed")
    assert TABLE not in device.rules()


async def test_by_force_it_stays_without_the_broker_and_ends_in_its_time(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    await device.start()
    door.server.close()  # type: ignore[union-attr]
    device.isolate(force=True, ttl_s=4.0)
    now = await device.until(lambda i: i.stage == "done" and i.scope == "full")
    assert "kept by force" in now.error and now.reached == ""
    assert TABLE in now.table
    now = await device.until(lambda i: i.ended_by == "ttl")
    assert (now.stage, now.scope) == ("done", "none")
    assert TABLE not in device.rules()


async def test_force_without_a_time_is_refused(device: Guarded) -> None:
    device.isolate(force=True)
    now = await device.settled()
    assert now.stage == "failed" and "-ttl" in now.error


async def test_flushed_rules_are_back_within_two_seconds_and_it_is_told(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    before = device.rules()
    device.device.run("nft", "flush", "ruleset")
    await until(lambda: device.rules() == before, 10.0)
    assert (await device.saw("tampering")).text
    now = await device.until(lambda i: i.mended == 1)
    assert now.stage == "done"


async def test_a_rule_slipped_in_is_taken_out_and_told(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    device.device.run("nft", "insert", "rule", "inet", "fireline_isolation", "output", "accept")
    await until(lambda: blocked(device), 10.0)
    await device.saw("tampering")


async def test_a_lost_state_undoes_nothing_though_the_broker_is_not_reached(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    await device.start()
    device.isolate()
    first = await device.settled()
    (device.state / "reach.json").unlink()  # by which the shim finds its broker without names
    device.no_line()
    await until((device.state / "reach.json").exists, 10.0)
    await device.kill()
    await door.close()
    (device.state / guard_state.CONTAINED).write_bytes(b"\0" * 100)
    device.said.clear()
    await device.start(line=False)
    now = await device.settled()
    assert (now.stage, now.scope, now.generation) == ("done", "full", first.generation), now
    assert "was lost" in (await device.saw("tampering")).text
    assert TABLE in device.rules() and blocked(device)


async def test_only_a_higher_generation_changes_anything(device: Guarded) -> None:
    device.generation = 4
    device.isolate()
    await device.settled()
    for generation in (3, 5):  # late, and again
        device.generation = generation - 1
        device.isolate(scope="none")
    device.generation = 5
    device.isolate(ttl_s=3600.0)
    now = await device.settled()
    assert now.scope == "full" and now.left_s is not None and now.left_s > 3500
    assert guard_state.wanted(device.state).isolation.generation == 6  # type: ignore[union-attr]


async def test_killed_in_the_middle_it_is_taken_up_again(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    await device.kill()
    assert blocked(device)
    device.device.run("nft", "flush", "ruleset")  # while nobody looks
    device.said.clear()
    await device.start()
    assert (await device.settled()).scope == "full"
    assert TABLE in device.rules()
    await device.saw("note")


async def test_the_countdown_goes_on_over_a_restart(device: Guarded) -> None:
    device.isolate(ttl_s=4.0)
    await device.settled()
    await device.kill()
    await device.start()
    now = await device.until(lambda i: i.ended_by == "ttl")
    assert now.scope == "none"
    assert TABLE not in device.rules()


async def test_the_devices_own_policy_forbids_it_whatever_the_broker_says(device: Guarded) -> None:
    (device.state / "policy.toml").write_text('deny = ["isolate"]\n')
    os.chmod(device.state / "policy.toml", 0o600)
    device.isolate()
    now = await device.settled()
    assert (now.stage, now.scope) == ("failed", "none")
    assert "isolate on web-01 by its own policy (policy.toml line 1)" in now.error
    assert TABLE not in device.rules()


async def test_a_policy_that_forbids_the_release_keeps_it(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    (device.state / "policy.toml").write_text('deny = ["release"]\n')
    os.chmod(device.state / "policy.toml", 0o600)
    device.isolate(scope="none")
    now = await device.settled()
    assert (now.stage, now.scope) == ("failed", "full") and "release on web-01" in now.error
    assert TABLE in device.rules()


async def test_a_line_on_another_address_is_open_from_then_on(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    with device.world.listens(MOVED, 8443):
        assert not device.device.reaches(MOVED, 8443)
        device.line(MOVED, 8443)
        await until(lambda: device.device.reaches(MOVED, 8443, 0.2))


async def test_a_second_wish_takes_the_place_of_one_that_is_not_proven(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    await device.start()
    door.server.close()  # type: ignore[union-attr]
    device.isolate()
    await device.until(lambda i: i.stage == "converging" and i.scope == "full")
    device.isolate(scope="none")
    now = await device.settled()
    assert (now.stage, now.scope) == ("done", "none")
    assert TABLE not in device.rules()


async def test_what_was_proven_comes_back_when_the_next_one_is_not(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    await device.start()
    device.isolate()
    first = await device.settled()
    door.server.close()  # type: ignore[union-attr]
    device.isolate(scope="selective", rules=(Allowance(name="x", network="203.0.113.0/24"),))
    now = await device.settled()
    assert (now.stage, now.scope, now.table_sha256) == ("failed", "full", first.table_sha256)


def token_of(device: Guarded, nonce: str = "n" * 32, hours: float = 1.0) -> str:
    """As the broker would make it."""
    release = Release("d1", nonce, int((time.time() + hours * 3600) * 1000))
    return written(release, device.authority.sign(said(release)))


def endpoint(device: Guarded, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """`fireline-endpoint` inside the device."""
    program = [sys.executable, "-I", "-m", "endpoint_shim", "--state", str(device.state), *words]
    return subprocess.run(
        ["ip", "netns", "exec", device.device.name, *program],
        input=given, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


async def test_a_token_releases_it_with_the_network_gone_and_counts_once(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    device.world.ip("link", "set", "w0", "down")
    token = token_of(device)
    done = await asyncio.to_thread(endpoint, device, "release", given=token)
    assert (done.returncode, done.stdout) == (
        0, "web-01 is released; the broker hears of it when it is reached\n",
    ), done.stderr  # fmt: skip
    assert TABLE not in device.rules()
    now = await device.until(lambda i: i.ended_by == "token")
    assert (now.stage, now.scope) == ("done", "none")
    again = await asyncio.to_thread(endpoint, device, "release", given=token)
    assert again.returncode == 3 and "was used on web-01 before" in again.stderr
    # What the broker still wants is answered: nothing isolates it again but a new wish.
    await device.stop()
    await device.start(line=False)
    await device.until(lambda i: i.ended_by == "token")
    assert TABLE not in device.rules()


async def test_a_token_releases_it_where_no_shim_runs_at_all(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    await device.kill()
    (device.state.parent / "token").write_text(token_of(device))
    done = endpoint(device, "release", "--token", str(device.state.parent / "token"))
    assert done.returncode == 0, done.stderr
    assert TABLE not in device.rules()
    assert not (device.state / guard_state.TOKEN).exists()


async def test_a_token_is_not_used_up_on_a_device_that_is_not_isolated(device: Guarded) -> None:
    done = await asyncio.to_thread(endpoint, device, "release", given=token_of(device))
    assert done.returncode == 3 and "the token was not used up" in done.stderr
    assert guard_state.load(device.state).used == {}


async def test_a_started_system_is_isolated_before_anything_of_the_shim_runs(
    device: Guarded,
) -> None:
    device.isolate(ttl_s=3600.0)
    now = await device.settled()
    await device.kill()
    # The same state in a fresh system: no table, no network yet.
    device.device.run("nft", "flush", "ruleset")
    device.device.ip("link", "set", "d0", "down")
    done = endpoint(device, "contain")
    assert (done.returncode, done.stdout) == (0, "web-01 is isolated, as it was\n"), done.stderr
    assert device.rules().count("chain") == 4, "a bridge's too"
    device.device.ip("link", "set", "d0", "up")
    assert not device.device.reaches(ATTACKER, 4444, 0.3)
    device.said.clear()
    await device.start()
    again = await device.settled()
    assert (again.scope, again.table_sha256, again.mended) == ("full", now.table_sha256, 0)


async def test_a_system_that_was_not_isolated_starts_open(device: Guarded) -> None:
    device.isolate()
    await device.settled()
    device.isolate(scope="none")
    await device.settled()
    assert "the guard runs already" in endpoint(device, "contain").stdout
    await device.stop()
    assert endpoint(device, "contain").stdout == "web-01 is not isolated\n"
    assert TABLE not in device.rules()


@contextlib.contextmanager
def small_disk(device: Guarded) -> Iterator[None]:
    """The state folder on a disk of its own; before the guard starts, which has its own mounts."""
    files = {one.name: one.read_bytes() for one in device.state.iterdir() if one.is_file()}
    run("mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "none", str(device.state))
    try:
        for name, data in files.items():
            durable.save(device.state / name, data)
        yield
    finally:
        run("umount", "--lazy", str(device.state))


def fill(device: Guarded) -> None:
    """To its last byte."""
    with contextlib.suppress(OSError), (device.state / "filler").open("wb", 0) as filler:
        while True:
            filler.write(b"x" * 4096)


@pytest.mark.needs("mount")
async def test_on_a_full_disk_nothing_is_in_force_that_could_not_be_kept(
    both: tuple[Guarded, Door],
) -> None:
    device, _ = both
    guard_state.want(device.state, Want(isolation=Isolate(generation=1, scope="full")))
    device.generation = 1
    with small_disk(device):
        fill(device)
        await device.start()
        now = await device.settled()
        assert (now.stage, now.scope) == ("failed", "none") and "No space left" in now.error
        assert TABLE not in device.rules()
        await device.stop()


@pytest.mark.needs("mount")
async def test_a_disk_that_fills_while_isolated_does_not_open_it(
    both: tuple[Guarded, Door],
) -> None:
    device, _ = both
    with small_disk(device):
        await device.start()
        device.isolate()
        await device.settled()
        fill(device)
        # What it says is answered, and that the answer cannot be kept does not end it either.
        for _ in range(3):
            device.device.run("nft", "flush", "ruleset")
            await until(lambda: TABLE in device.rules())
            assert "No space left" in (await device.saw("unguarded")).text
        await device.stop()
