"""Certificates of a few seconds: renewed over the line, and at the enrolment port once run out."""

import asyncio
import datetime
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from endpoint_shim import config
from tests.journeys.rig import SHIM, House, until
from tests.journeys.scripted import Scripted

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(180)]
LIFE_S = 16
DEVICES = ("web-01", "late-01", "thief-01", "often-01")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {
        "certificate_days": LIFE_S / 86_400, "reserve_bytes": 1 << 20, "left_open_s": 1,
        "renewals_per_hour": 3,
    }  # fmt: skip
    with House(tmp_path_factory.mktemp("renewal") / "house", limits) as house:
        for name in DEVICES:  # together, so that their certificates run out together
            house.enrol(name)
        yield house


@pytest.fixture(scope="module", autouse=True)
def beside(house: House) -> Iterator["Future[set[str]]"]:
    """Two that do not take what they are sent; they need a certificate's life, as the others do."""
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(asyncio.run, lie_and_be_deaf(house))


async def lie_and_be_deaf(house: House) -> set[str]:
    """The serials of what the deaf one was sent."""
    liar, deaf = Scripted(house, "liar-01"), Scripted(house, "deaf-01")
    async with liar.online() as lying, deaf.online() as silent:
        offered = await lying.hears("renewed")
        await lying.say({"m": "installed", "serial": "0" + offered["serial"]})
        await lying.closed()
        serials = {(await silent.hears("renewed"))["serial"] for _ in range(2)}
        await silent.closed()
    return serials


def certificate(house: House, name: str) -> x509.Certificate:
    data = (house.shims[name].state / config.CERTIFICATE).read_bytes()
    return x509.load_pem_x509_certificate(data)


def ran_out(one: x509.Certificate) -> bool:
    return one.not_valid_after_utc < datetime.datetime.now(datetime.UTC)


def renewed(house: House, name: str) -> list[str]:
    return [r["door"] for r in house.of_kind("renewed") if r["name"] == name]


def renew(state: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-I", *SHIM, "renew", "--state", str(state)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_a_standing_line_brings_the_next_certificate_for_the_same_key(house: House) -> None:
    first = certificate(house, "web-01")
    house.start_shim("web-01")
    until("a certificate is renewed", lambda: renewed(house, "web-01"), 30)
    until("it is on the disk", lambda: certificate(house, "web-01") != first)
    assert certificate(house, "web-01").public_key() == first.public_key()
    until("it is renewed once more", lambda: len(renewed(house, "web-01")) > 1, 30)
    assert set(renewed(house, "web-01")) == {"line"}
    house.kill_shim("web-01")
    until("the first one ran out", lambda: ran_out(first), 40)
    house.start_shim("web-01")
    assert house.run("on web-01 processes").status == 0
    assert not [r for r in house.of_kind("violation") if r["name"] == "web-01"]


def test_a_device_whose_certificate_ran_out_gets_one_for_its_key_and_comes_back(
    house: House,
) -> None:
    until("its certificate ran out", lambda: ran_out(certificate(house, "late-01")), 40)
    house.start_shim("late-01")
    assert renewed(house, "late-01")[0] == "enrolment"
    assert house.run("on late-01 processes").status == 0


def test_another_key_and_a_revoked_device_get_none(house: House) -> None:
    until("its certificate ran out", lambda: ran_out(certificate(house, "thief-01")), 40)
    house.token("more-*")  # the port is open for it
    thief = house.shims["thief-01"].state
    own = (thief / config.KEY).read_bytes()
    (thief / config.KEY).write_bytes((house.shims["web-01"].state / config.KEY).read_bytes())
    until("the port is open", lambda: renew(thief).returncode == 3)
    assert "not signed by the key of the certificate to renew" in renew(thief).stderr
    (thief / config.KEY).write_bytes(own)
    assert house.admin("revoke thief-01")[0] == 0
    ran = renew(thief)
    assert ran.returncode == 3 and "revoked or unknown" in ran.stderr, ran
    assert not renewed(house, "thief-01")


def test_no_device_is_renewed_at_the_port_too_often_or_without_need(house: House) -> None:
    until("its certificate ran out", lambda: ran_out(certificate(house, "often-01")), 40)
    house.token("more-*")
    state = house.shims["often-01"].state
    old = (state / config.CERTIFICATE).read_bytes()
    until("the port is open", lambda: renew(state).returncode == 0)
    ran = renew(state)
    assert ran.returncode == 3 and "it needs no other" in ran.stderr, ran
    for status, said in ((0, ""), (0, ""), (3, "was renewed too often within an hour; wait one")):
        (state / config.CERTIFICATE).write_bytes(old)
        ran = renew(state)
        assert ran.returncode == status and said in ran.stderr, ran


def test_a_device_that_says_what_is_not_so_or_takes_none_loses_its_line(
    house: House, beside: "Future[set[str]]"
) -> None:
    assert len(beside.result(60)) == 2, "it is asked again, later"
    (told,) = house.of_kind("violation")
    assert told["name"] == "liar-01" and "a certificate that it was not sent" in told["what"]
    reasons = [r["reason"] for r in house.of_kind("line_lost") if r["name"] == "deaf-01"]
    assert reasons == ["its certificate ran out"]
