"""`fireline-endpoint check`: each reason for being offline is a sentence."""

import os
from pathlib import Path

import pytest

from endpoint_shim import refusal
from endpoint_shim.check import lines
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door


async def wrong(state: Path) -> list[str]:
    return [sentence async for well, sentence in lines(state) if not well]


async def test_a_device_that_is_well_has_nothing_wrong_but_a_short_certificate(
    door: Door, tmp_path: Path
) -> None:
    found = [line async for line in lines(tmp_path / "state")]
    assert [s for well, s in found if not well] == [s for _, s in found if "is good until" in s]
    assert any("takes this device's certificate" in sentence for _, sentence in found)


async def test_an_ended_certificate_is_said_to_have_ended(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1", days=-1)
    assert any("enrol this device again" in one for one in await wrong(state))


async def test_a_broker_that_is_not_there_is_said(authority: Authority, tmp_path: Path) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    assert any(one.startswith("127.0.0.1:1: ") for one in await wrong(state))


async def test_a_name_that_does_not_resolve_is_said(authority: Authority, tmp_path: Path) -> None:
    state = authority.enrol(tmp_path / "state", "no.invalid:1")
    assert any("does not resolve" in one for one in await wrong(state))


async def test_the_last_refusal_is_told(authority: Authority, tmp_path: Path) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    refusal.keep(state, refusal.Refusal(0, "b:1", "revoked"))
    assert "last without a line since 1970-01-01 00:00:00 UTC: b:1: revoked" in await wrong(state)


async def test_what_others_could_change_is_named(authority: Authority, tmp_path: Path) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    state.chmod(0o770)
    found = await wrong(state)
    assert any("chmod go-w" in one for one in found)


async def test_a_policy_with_a_mistake_is_named_by_file_and_line(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    (state / "policy.toml").write_text('\ndeny = ["shell"\n')
    told = (
        f"nothing runs here: the policy {state}/policy.toml is not usable: policy.toml line 3: "
        "unclosed array; mend it and check again"
    )
    assert told in await wrong(state)


async def test_a_device_that_is_not_enrolled_is_told_how(tmp_path: Path) -> None:
    assert any("enroll" in one for one in await wrong(tmp_path))
    assert any("is it enrolled" in one for one in await wrong(tmp_path / "none"))


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
async def test_a_folder_above_that_belongs_to_another_is_named(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "above").mkdir()
    state = authority.enrol(tmp_path / "above/state", "127.0.0.1:1")
    os.chown(tmp_path / "above", 1234, 1234)
    assert any("user 1234, who could replace it" in one for one in await wrong(state))
