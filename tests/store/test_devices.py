"""Devices: names are unique whatever their case; a revoked one frees its name, not its history."""

import pytest

from server.store import devices
from server.store.devices import NameTaken, NewDevice
from server.store.sqlite import Store


def new(name: str, number: int = 1) -> NewDevice:
    return NewDevice(
        id=f"d{number}",
        name=name,
        tags=["web", "prod"],
        platform="Linux",
        serial=f"{number:02x}",
        not_after="2027-11-24T00:00:00+00:00",
        at="2026-11-24T14:02:51.120Z",
    )


async def insert(store: Store, device: NewDevice) -> None:
    await store.write(lambda connection: devices.insert(connection, device))


async def test_a_device_comes_back_as_it_was_enrolled(store: Store) -> None:
    await insert(store, new("web-01"))
    [device] = await devices.all_devices(store)
    assert (device.id, device.name, device.tags) == ("d1", "web-01", ("web", "prod"))
    assert (device.serials, device.revoked, device.last_seen_ms) == (("01",), False, None)


async def test_a_name_is_taken_whatever_its_case_and_nothing_is_half_written(store: Store) -> None:
    await insert(store, new("web-01"))
    with pytest.raises(NameTaken, match="WEB-01"):
        await insert(store, new("WEB-01", 2))
    assert [device.id for device in await devices.all_devices(store)] == ["d1"]


async def test_after_revoking_no_certificate_counts_and_the_name_is_free(store: Store) -> None:
    await insert(store, new("web-01"))
    await devices.revoke(store, "d1", "2026-11-25T00:00:00.000Z")
    [gone] = await devices.all_devices(store)
    assert (gone.revoked, gone.serials) == (True, ())
    await insert(store, new("web-01", 2))
    found = {device.id: device for device in await devices.all_devices(store)}
    assert (found["d2"].name, found["d2"].revoked) == ("web-01", False)
    assert (found["d1"].name, found["d1"].revoked) == ("web-01~d1", True)


async def test_when_it_was_seen_is_kept(store: Store) -> None:
    await insert(store, new("web-01"))
    await devices.seen(store, "d1", 1795528971123)
    [device] = await devices.all_devices(store)
    assert device.last_seen_ms == 1795528971123


async def test_a_further_certificate_counts_unless_its_device_was_revoked(store: Store) -> None:
    await insert(store, new("web-01"))
    until, at = "2028-11-24T00:00:00+00:00", "2027-08-01T00:00:00.000Z"
    assert await devices.add_certificate(store, "d1", "02", until, at)
    [device] = await devices.all_devices(store)
    assert sorted(device.serials) == ["01", "02"]
    await devices.revoke(store, "d1", at)
    assert not await devices.add_certificate(store, "d1", "03", until, at)
    assert not await devices.add_certificate(store, "d9", "04", until, at)
    [device] = await devices.all_devices(store)
    assert device.serials == ()


async def test_a_device_with_no_certificate_that_lasts_is_told_apart(store: Store) -> None:
    await insert(store, new("web-01"))
    assert not await devices.expired(store, "2027-11-23T23:59:59+00:00")
    assert await devices.expired(store, "2027-11-24T00:00:01+00:00")
    until = "2028-11-24T00:00:00+00:00"
    await devices.add_certificate(store, "d1", "02", until, "2027-08-01T00:00:00.000Z")
    assert not await devices.expired(store, "2027-11-24T00:00:01+00:00")
    await devices.revoke(store, "d1", "2027-08-01T00:00:00.000Z")
    assert not await devices.expired(store, "2029-01-01T00:00:00+00:00")


async def test_tags_are_what_was_set_last_and_only_that_devices(store: Store) -> None:
    await insert(store, new("web-01"))
    await insert(store, new("web-02", 2))
    await devices.set_tags(store, "d1", ("Lab",))
    found = {device.id: device.tags for device in await devices.all_devices(store)}
    assert found == {"d1": ("Lab",), "d2": ("web", "prod")}


async def test_the_first_host_name_is_kept_whatever_comes_after(store: Store) -> None:
    await insert(store, new("web-01"))
    await devices.first_host(store, "d1", "old.example.org")
    await devices.first_host(store, "d1", "new.example.org")
    [device] = await devices.all_devices(store)
    assert device.host == "old.example.org"
