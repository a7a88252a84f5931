"""What is open to whom: an address that is only said, one that proved itself, and a proxy."""

import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest

from endpoint_shim import config, durable, known_ways, resolve
from endpoint_shim.guard_state import MAX_BROKERS, Place
from endpoint_shim.linux import resolvers
from endpoint_shim.reach import Reach
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door

NAME = "broker.test"
HERE, ELSEWHERE = ip_address("127.0.0.1"), ip_address("127.0.0.9")


class Named:
    """A device that knows its broker by name, and the broker's door on loopback."""

    def __init__(self, state: Path, place: str, hosts: Path) -> None:
        self.state, self.place, self.hosts = state, place, hosts
        self.port = int(place.rpartition(":")[2])

    def says(self, *lines: str) -> None:
        """What the device's own list of names has, in place of any name server."""
        self.hosts.write_text("\n".join(lines))

    def reach(self, *proven: Place) -> Reach:
        return Reach(config.load(self.state), proven)


@pytest.fixture
async def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Named]:
    authority, door = Authority(), Door()
    at = socket.create_server(("127.0.0.1", 0))
    place = await door.listen(authority, tmp_path, at, NAME)
    monkeypatch.setattr(resolvers, "HOSTS", tmp_path / "hosts")
    monkeypatch.setattr(resolve, "servers", list)
    made = Named(authority.enrol(tmp_path / "state", place), place, tmp_path / "hosts")
    made.says(f"127.0.0.1 {NAME}")
    yield made
    await door.close()


async def test_what_a_name_says_is_the_shims_alone_until_it_proved_itself(named: Named) -> None:
    reach = named.reach()
    assert not reach.known and (await reach.plan(())).brokers == frozenset()
    assert await reach.look_up()
    plan = await reach.plan(())
    assert (plan.brokers, plan.own) == (frozenset(), frozenset({(HERE, named.port)}))
    assert await reach.prove() == (f"127.0.0.1:{named.port}", True, "")
    plan = await reach.plan(())
    assert (plan.brokers, plan.own) == (frozenset({(HERE, named.port)}), frozenset())
    assert reach.proven == (Place("127.0.0.1", named.port, named.place),)


async def test_who_answers_and_is_not_the_broker_stays_closed_and_is_named(named: Named) -> None:
    named.says(f"127.0.0.9 {NAME}")
    with socket.create_server(("127.0.0.9", named.port)) as liar:
        liar.settimeout(0)
        reach = named.reach()
        await reach.look_up()
        liar.close()
        reached, changed, why = await reach.prove()
    assert (reached, changed) == ("", False)
    assert why.startswith(f"127.0.0.9:{named.port}: Connection refused; asked from 127.0.0.")
    assert (await reach.plan(())).own == frozenset({(ELSEWHERE, named.port)})


async def test_another_broker_with_a_certificate_of_its_own_is_none(
    named: Named, tmp_path: Path
) -> None:
    other = Door()
    (tmp_path / "other").mkdir()
    at = socket.create_server(("127.0.0.9", named.port))
    await other.listen(Authority(), tmp_path / "other", at, NAME)
    named.says(f"127.0.0.9 {NAME}")
    reach = named.reach()
    await reach.look_up()
    reached, _, why = await reach.prove()
    assert reached == "" and "is not the broker" in why and "its certificate is not good" in why
    await other.close()


async def test_where_the_line_stands_is_proven_and_known_to_the_shims_others(named: Named) -> None:
    reach = named.reach()
    assert reach.line(named.place, "127.0.0.1", named.port)
    assert not reach.line(named.place, "127.0.0.1", named.port)  # nothing new
    assert reach.on_line and reach.known
    reach.keep_ways()
    assert known_ways.to(named.state, NAME, named.port) == [(HERE, named.port)]
    assert not reach.line("", "", 0) and not reach.on_line  # what was proven stays
    assert not reach.line("other.test:1", "192.0.2.1", 1)
    assert (await reach.plan(())).brokers == frozenset({(HERE, named.port)})
    reach.forget_ways()
    assert known_ways.to(named.state, NAME, named.port) == []


async def test_what_the_broker_names_has_to_prove_to_be_the_pinned_one(named: Named) -> None:
    named.says(f"127.0.0.1 {NAME}", "127.0.0.9 evil.test")
    reach = named.reach()
    reach.more = (
        f"evil.test:{named.port}",
        "unknown.test:1",
        "no place",
        f"127.0.0.1:{named.port}",
    )
    with socket.create_server(("127.0.0.9", named.port)) as evil:
        evil.close()
        await reach.look_up()
        reached, _, _ = await reach.prove()
    assert reached == f"127.0.0.1:{named.port}"
    plan = await reach.plan(())
    assert plan.brokers == frozenset({(HERE, named.port)})
    assert plan.own == frozenset({(ELSEWHERE, named.port)})


async def test_a_hundred_names_of_a_broker_do_not_hold_up_the_pinned_one(named: Named) -> None:
    reach = named.reach()
    reach.more = tuple(f"127.0.1.{n}:{named.port}" for n in range(100))
    await reach.look_up()
    plan = await reach.plan(())
    assert (HERE, named.port) in plan.own and len(plan.own) <= 32


async def test_an_old_address_is_closed_once_a_new_one_proved_itself(named: Named) -> None:
    old = Place("127.0.0.9", named.port, named.place)
    reach = named.reach(old)
    await reach.look_up()
    assert old in reach.proven  # nothing better is known
    await reach.prove()
    assert await reach.look_up()
    assert reach.proven == (Place("127.0.0.1", named.port, named.place),)


async def test_what_no_name_says_any_more_stays_while_the_line_stands_on_it(named: Named) -> None:
    reach = named.reach()
    reach.line(named.place, "127.0.0.9", named.port)
    await reach.look_up()
    await reach.prove()
    await reach.look_up()
    assert {one.address for one in reach.proven} == {"127.0.0.1", "127.0.0.9"}


async def test_a_place_that_is_no_longer_pinned_is_forgotten(named: Named) -> None:
    assert named.reach(Place("127.0.0.9", 1, "before.test:1")).proven == ()


async def test_more_addresses_than_can_be_kept_push_out_the_oldest(named: Named) -> None:
    reach = named.reach()
    for number in range(2 * MAX_BROKERS):
        reach.line(named.place, f"127.0.2.{number}", named.port)
    assert len(reach.proven) == MAX_BROKERS
    assert reach.proven[0].address == f"127.0.2.{2 * MAX_BROKERS - 1}"


async def test_the_port_where_a_certificate_is_renewed_stays_open_too(named: Named) -> None:
    identity = config.load(named.state).identity
    changed = msgspec.structs.replace(identity, enrolment=f"https://{NAME}:9443")
    durable.save(named.state / config.IDENTITY, msgspec.json.encode(changed))
    reach = named.reach()
    reach.line(named.place, "127.0.0.1", named.port)
    assert (await reach.plan(())).brokers == frozenset({(HERE, named.port), (HERE, 9443)})
    reach.keep_ways()
    assert known_ways.to(named.state, NAME, 9443) == [(HERE, 9443)]


async def test_behind_a_proxy_the_proxy_is_all_and_the_shims_alone(named: Named) -> None:
    durable.save(named.state / "shim.toml", b'proxy = "http://proxy.test:3128"\n')
    named.says("192.0.2.8 proxy.test", f"127.0.0.1 {NAME}")
    reach = named.reach()
    reach.line(named.place, "192.0.2.7", 3128)
    assert await reach.look_up()
    plan = await reach.plan(())
    both = frozenset({(ip_address("192.0.2.7"), 3128), (ip_address("192.0.2.8"), 3128)})
    assert (plan.brokers, plan.own) == (frozenset(), both)
    reach.keep_ways()
    assert len(known_ways.to(named.state, "proxy.test", 3128)) == 2
    assert known_ways.to(named.state, NAME, named.port) == []
