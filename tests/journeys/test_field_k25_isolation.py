"""Field reports k25: a device that is really cut off, and nothing of others' rules."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint_shim.linux.containers import BOX, publish
from tests.endpoint_shim.linux.guarded import ATTACKER, BROKER, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, hosts
from tests.journeys.apart import DEVICE, Apart, apart
from tests.journeys.rig import until

pytestmark = [PROGRAMS, ROOT, pytest.mark.needs("ssh"), pytest.mark.timeout(180)]

# The administrator's, with an accept before everything else, in and out.
ADMIN = """table inet admin_fw {
	set allowed {
		type ipv4_addr
		elements = { 10.0.0.7, 10.0.0.9 }
	}
	chain early {
		type filter hook input priority -300; policy accept;
		tcp dport 2222 accept comment "admin's own: \u00fc"
	}
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		tcp dport 2222 accept
		ip saddr @allowed counter accept
	}
	chain output {
		type filter hook output priority -500; policy accept;
		accept
	}
}
"""
OUT, HERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with apart(tmp_path_factory.mktemp("k25")) as made:
        yield made


@pytest.fixture(autouse=True)
def open_afterwards(here: Apart) -> Iterator[None]:
    yield
    if here.isolated:
        here.release()
    here.device.run("nft", "flush", "ruleset")


def test_own_error_nothing_that_goes_wrong_later_undoes_it(here: Apart) -> None:
    here.isolate()
    house = here.house
    house.kill_broker()
    house.kill_shim(DEVICE)  # both at once, without a word
    assert here.isolated
    house.start_broker()
    house.start_shim(DEVICE)
    assert here.isolated
    [row] = here.rows("devices")
    assert row["isolated"]
    states = [row["state"] for row in here.rows(f"actions -device {DEVICE}")]
    assert states == ["Succeeded"]


async def test_own_error_a_later_probe_that_fails_undoes_nothing(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (device, door):
        await device.start()
        device.isolate()
        first = await device.settled()
        port = int(device.place.rpartition(":")[2])
        await door.close()
        with device.world.listens(BROKER, port) as nobody:
            device.no_line()  # it looks where its broker is
            for _ in range(2):
                probe, _ = await asyncio.to_thread(nobody.accept)
                probe.close()
        assert not device.device.reaches(ATTACKER, 4444)
        last = device.said[-1].contained.isolation
        assert last is not None
        assert (last.stage, last.scope, last.error) == ("done", "full", "")
        assert last.table_sha256 == first.table_sha256


def test_auto_isolate_what_a_device_proposes_or_had_asked_for_it_before_triggers_nothing(
    here: Apart,
) -> None:
    house = here.house
    old = house.enrol("fresh-01")
    assert "pending" in here.ask("isolate -comment INC-26", "fresh-01")
    assert house.admin("revoke fresh-01")[0] == 0
    old.state.rename(old.state.with_name("gone"))
    shim = house.enrol("fresh-01")  # another machine, which has been given the name
    (shim.state / "tags").write_text("isolate\nisolated\nquarantine\n")
    house.start_shim("fresh-01")
    try:
        until("it proposes", lambda: proposed(here, "fresh-01"))
        [row] = here.rows("devices fresh-01")
        assert (row["isolated"], row["tags"]) == (False, "")
        assert house.run("devices tag:isolate").status == 4
        assert not here.isolated
        assert "Succeeded" not in [
            r["state"] for r in here.rows("actions -type isolate") if r["device"] == "fresh-01"
        ]
    finally:
        house.kill_shim("fresh-01")


def test_flush_by_another_tool_is_mended_and_its_own_rules_stay_to_the_byte(here: Apart) -> None:
    device = here.device
    device.run("nft", "-f", "-", given=ADMIN)
    here.isolate()
    before = here.told("tampering")
    device.run("nft", "flush", "ruleset")
    until("it is back", lambda: here.isolated, 20)
    device.run("nft", "-f", "-", given=f"flush ruleset\n{ADMIN}")
    until("it is back again", lambda: here.isolated, 20)
    theirs = here.rules()
    assert "admin's own: \u00fc" in theirs
    with device.listens(here.network.device, 2222):
        assert not reaches(here, 2222)
        until("it is told", lambda: here.told("tampering") > before, 20)
        here.release()
        assert here.rules() == theirs
        assert reaches(here, 2222)


def test_container_ports_and_foreign_table_are_shut_both_ways_and_work_again_after(
    here: Apart,
) -> None:
    host = here.device
    with hosts("out", "box") as (out, box):
        publish(out, host, box, (OUT, HERE), ADMIN)
        theirs = here.rules()
        with (
            box.listens(BOX, 80) as web,
            out.listens(OUT, 4444) as attacker,
            host.listens(HERE, 2222),
        ):
            assert out.reaches(HERE, 2222, 5) and host.reaches(OUT, 4444, 5)
            attacker.accept()[0].close()
            flow = out.connects(HERE, 8080)
            inside, _ = web.accept()
            shell = box.connects(OUT, 4444)
            far, _ = attacker.accept()
            with flow, inside, shell, far:
                here.isolate()
                assert not out.reaches(HERE, 8080) and not box.reaches(OUT, 4444)
                assert not out.reaches(HERE, 2222) and not host.reaches(OUT, 4444)
                for sender, receiver in (
                    (flow, inside),
                    (inside, flow),
                    (shell, far),
                    (far, shell),
                ):
                    receiver.settimeout(0.3)
                    sender.send(b"x")
                    with pytest.raises(TimeoutError):
                        receiver.recv(1)
            assert here.rules() == theirs
            here.release()
            assert here.rules() == theirs
            assert out.reaches(HERE, 8080, 5) and box.reaches(OUT, 4444, 5)
            assert out.reaches(HERE, 2222, 5)


def reaches(here: Apart, port: int) -> bool:
    """Whether this machine gets to a port of the device."""
    try:
        socket.create_connection((here.network.device, port), 1).close()
    except OSError:
        return False
    return True


def proposed(here: Apart, name: str) -> bool:
    return [row["proposed"] for row in here.rows(f"devices {name}")] != [""]
