"""Library versions: they count up, are never reused, and the same bytes are no new version."""

from server.store import library
from server.store.library import StoredVersion
from server.store.sqlite import Store

AT = "2026-11-24T14:02:51.120Z"


async def add(store: Store, name: str, sha256: str) -> StoredVersion:
    return await library.add(store, name, sha256, 10, "{}", "alice", AT)


async def test_versions_count_up_whatever_the_names_case(store: Store) -> None:
    assert [(await add(store, "x.sh", digest)).version for digest in "abc"] == [1, 2, 3]
    assert (await add(store, "X.SH", "d")).version == 4
    assert [version.sha256 for version in await library.versions(store)] == ["a", "b", "c", "d"]


async def test_the_same_bytes_again_are_the_same_version(store: Store) -> None:
    assert (await add(store, "x.sh", "a")).is_new
    again = await add(store, "x.sh", "a")
    assert (again.version, again.is_new) == (1, False)
    assert len(await library.versions(store)) == 1


async def test_a_number_is_not_reused_after_deleting(store: Store) -> None:
    await add(store, "x.sh", "a")
    await add(store, "x.sh", "b")
    assert await library.delete(store, "X.sh", AT) == 2
    assert await library.versions(store) == []
    assert await library.delete(store, "x.sh", AT) == 0
    assert (await add(store, "x.sh", "b")).version == 3


async def test_what_each_person_last_ran_is_kept(store: Store) -> None:
    assert await library.last_run(store, "alice", "x.sh") is None
    await library.ran(store, "alice", "x.sh", 1, AT)
    await library.ran(store, "alice", "X.SH", 4, AT)
    await library.ran(store, "bob", "x.sh", 2, AT)
    assert await library.last_run(store, "alice", "x.sh") == 4
    assert await library.last_run(store, "bob", "x.sh") == 2
