"""`fireline-endpoint check`: each reason for being offline is a sentence."""

import os
from pathlib import Path

import pytest

from endpoint_shim import boot_clock, durable, guard_state, refusal
from endpoint_shim.check import lines
from endpoint_shim.countdown import Countdown
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.connect_proxy import ConnectProxy
from tests.endpoint_shim.door import Door


async def wrong(state: Path) -> list[str]:
    return [sentence async for well, sentence in lines(state, [state]) if not well]


async def test_a_device_that_is_well_has_nothing_wrong_but_a_short_certificate(
    door: Door, tmp_path: Path
) -> None:
    found = [line async for line in lines(tmp_path / "state", [])]
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


async def test_a_recipe_of_the_owners_is_told_whether_it_counts(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    (state / "recipes.d").mkdir(mode=0o700)
    for name, text in (("bad", "points: 7"), ("good", "points: []")):
        (state / f"recipes.d/{name}.yaml").write_text(text)
        (state / f"recipes.d/{name}.yaml").chmod(0o600)
    found = [line async for line in lines(state, [state])]
    told = f"{state}/recipes.d/bad.yaml does not count: Expected `array`, got `int`"
    assert any(not well and sentence.startswith(told) for well, sentence in found)
    assert (True, "collect takes what recipes.d/good.yaml says") in found


async def test_a_device_that_is_not_enrolled_is_told_how(tmp_path: Path) -> None:
    assert any("enroll" in one for one in await wrong(tmp_path))
    assert any("fireline-endpoint enroll" in one for one in await wrong(tmp_path / "none"))


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
async def test_a_folder_above_that_belongs_to_another_is_named(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "above").mkdir()
    state = authority.enrol(tmp_path / "above/state", "127.0.0.1:1")
    os.chown(tmp_path / "above", 1234, 1234)
    assert any("user 1234, who could replace it" in one for one in await wrong(state))


async def test_a_library_that_others_can_write_is_named(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    library = tmp_path / "lib" / "deep" / "x.py"
    library.parent.mkdir(parents=True)
    library.touch()
    library.chmod(0o666)
    told = [s async for well, s in lines(state, [tmp_path / "lib"]) if not well]
    assert f"{library} can be written by others; chmod go-w {library}" in told


async def test_a_proxy_is_asked_in_place_of_the_name(door: Door, tmp_path: Path) -> None:
    between = ConnectProxy()
    state = tmp_path / "state"
    durable.save(state / "shim.toml", f'proxy = "{await between.listen()}"'.encode())
    told = [sentence async for _, sentence in lines(state, [])]
    assert any("it dials through the proxy 127.0.0.1:" in one for one in told)
    assert any("takes this device's certificate" in one for one in told)
    assert len(between.ways) == 1
    between.close()
    durable.save(state / "shim.toml", b'proxy = "http://127.0.0.1:1"')
    assert any("the proxy 127.0.0.1:1 is not reached" in one for one in await wrong(state))


async def test_room_and_service_are_told(authority: Authority, tmp_path: Path) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    told = [sentence async for _, sentence in lines(state, [])]
    assert any(f" MiB are free in {state}" in one for one in told)
    assert any("service" in one for one in told)


async def test_an_isolated_device_says_so_and_what_ends_it(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    said = [sentence async for _, sentence in lines(state, [state])]
    assert "this device is not isolated" in said
    record = guard_state.Record(state)
    record.kept.force = guard_state.Force(generation=1, scope="full")
    record.save()
    said = [sentence async for _, sentence in lines(state, [state])]
    assert (
        "this device is isolated (full): only the broker is reached; the broker's release or a "
        "release token ends it" in said
    )
    countdown = Countdown(3600.0, boot_clock.seconds())
    record.kept.force = guard_state.Force(generation=1, scope="selective", countdown=countdown)
    record.save()
    said = [sentence async for _, sentence in lines(state, [state])]
    assert any("isolated (selective)" in one and "by itself in 60 min" in one for one in said)
