"""Release tokens as the broker's CA makes them and a device judges them, with nobody to ask."""

import time
from pathlib import Path

import pytest

from commands.language.errors import NotUnderstood, Refused
from commands.language.release_token import Release
from endpoint_shim import boot_clock, config, release_token
from endpoint_shim.guard_state import Clock, Kept
from server.identity.device_ca import DeviceCA, create_ca
from tests.endpoint_shim.authority import Authority

NONCE = "n" * 32
HOUR_MS = 3_600_000


@pytest.fixture
def ca(tmp_path: Path) -> DeviceCA:
    (tmp_path / "broker").mkdir(mode=0o700)
    return create_ca(tmp_path / "broker")


@pytest.fixture
def settings(tmp_path: Path, ca: DeviceCA) -> config.Config:
    state = Authority().enrol(tmp_path / "state", "127.0.0.1:1")
    (state / config.CA).write_text(ca.pem)
    return config.load(state)


def now_ms() -> int:
    return int(time.time() * 1000)


def token(ca: DeviceCA, *, device: str = "d1", for_ms: int = HOUR_MS) -> str:
    return ca.release_token(Release(device, NONCE, now_ms() + for_ms))


def test_the_brokers_token_counts_on_its_device(ca: DeviceCA, settings: config.Config) -> None:
    found = release_token.check(f"  {token(ca)}\n", settings, Kept())
    assert (found.device, found.nonce) == ("d1", NONCE)


def test_another_brokers_token_does_not(settings: config.Config, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    with pytest.raises(Refused, match="not signed by this device's broker"):
        release_token.check(token(create_ca(tmp_path / "other")), settings, Kept())


def test_another_devices_token_does_not(ca: DeviceCA, settings: config.Config) -> None:
    with pytest.raises(Refused, match="for another device than web-01"):
        release_token.check(token(ca, device="d2"), settings, Kept())


def test_it_counts_once(ca: DeviceCA, settings: config.Config) -> None:
    with pytest.raises(Refused, match="was used on web-01 before"):
        release_token.check(token(ca), settings, Kept(used={NONCE: 0}))


def test_it_expires_by_the_later_of_both_clocks(ca: DeviceCA, settings: config.Config) -> None:
    with pytest.raises(Refused, match="has expired"):
        release_token.check(token(ca, for_ms=-1), settings, Kept())
    # The clock was two hours ahead when it was last seen, and somebody set it back.
    seen = Clock(now_ms() + 2 * HOUR_MS, boot_clock.seconds())
    with pytest.raises(Refused, match="has expired"):
        release_token.check(token(ca), settings, Kept(clock=seen))
    # An hour has run since it was seen, whatever the wall clock says.
    seen = Clock(now_ms() - 10, boot_clock.seconds() - 3601)
    with pytest.raises(Refused, match="has expired"):
        release_token.check(token(ca), settings, Kept(clock=seen))


@pytest.mark.parametrize("at", [10, 60, -3])
def test_a_token_with_one_character_changed_does_not_count(
    at: int, ca: DeviceCA, settings: config.Config
) -> None:
    text = token(ca)
    other = "A" if text[at] != "A" else "B"
    changed = text[:at] + other + (text[at + 1 :] if at != -1 else "")
    with pytest.raises((Refused, NotUnderstood)):
        release_token.check(changed, settings, Kept())


@pytest.mark.parametrize(
    "text", ["", "fl1.abc", "flr1.", "flr1.a.b.c", "flr1.é.a", f"flr1.{3000 * 'a'}"]
)
def test_what_is_no_token_is_told_so(text: str, settings: config.Config) -> None:
    with pytest.raises(NotUnderstood):
        release_token.check(text, settings, Kept())
