"""The shim's own files stay its own, by whatever name a command or an SFTP request reaches them."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import commands
import endpoint_shim
from commands.language import wire
from commands.language.errors import Refused
from commands.language.items import Done, Written
from commands.language.names import Name
from endpoint_shim import own
from endpoint_shim.linux.files import LinuxFiles
from endpoint_shim.linux.stats import entries, facts_at, link_at, open_at
from endpoint_shim.policy import Policy
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.test_supervisor import Shim, opened, start

OWN = r" is the shim's own; only the device's owner can change that$"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with two sessions in it, and a policy elsewhere."""
    state = tmp_path / "state"
    for folder in ("sessions/mine", "sessions/other", "kept"):
        (state / folder).mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    for name in ("key.pem", "shim.toml", "sessions/mine/x", "sessions/other/x", "kept/x"):
        (state / name).write_text(name)
    (tmp_path / "etc/policy.toml").write_text('deny = ["run"]\n')
    return state


@pytest.fixture
def policy(state: Path) -> Policy:
    free = [state / "sessions/mine", state / "kept"]
    return Policy(device="web-01", own=own.found(state, state.parent / "etc/policy.toml", free))


@pytest.fixture
def standing_in_it(state: Path) -> Iterator[int]:
    """A process whose working folder is the state folder."""
    with subprocess.Popen(["sleep", "600"], cwd=state) as process:
        yield process.pid
        process.kill()


def by_a_hard_link(state: Path) -> str:
    os.link(state / "key.pem", state.parent / "hard")
    return f"{state.parent}/hard"


def by_a_link(state: Path) -> str:
    (state.parent / "link").symlink_to(state)
    return f"{state.parent}/link/key.pem"


WAYS: dict[str, Callable[[Path], str]] = {
    "its path": lambda state: f"{state}/key.pem",
    "dots": lambda state: f"{state}/sessions/mine/../../key.pem",
    "a link": by_a_link,
    "a hard link": by_a_hard_link,
    "a process's root": lambda state: f"/proc/{os.getpid()}/root{state}/key.pem",
    "a hard link by a root": lambda s: f"/proc/{os.getpid()}/root{by_a_hard_link(s)}",
    "another session": lambda state: f"{state}/sessions/other/x",
    "a policy elsewhere": lambda state: f"{state.parent}/etc/policy.toml",
    "the program": lambda _: str(Path(endpoint_shim.__file__).parent / "policy.py"),
    "the language": lambda _: str(Path(commands.__file__).parent / "putfile.py"),
}


def words(path: str, policy: Policy) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that the host and SFTP can do with a file's path."""
    files, name, data = LinuxFiles(Name("/"), policy), Name(path), os.fsencode(path)
    return {
        "open": lambda: files.open(name),
        "facts": lambda: files.facts(name),
        "digest": lambda: files.digest(name),
        "create": lambda: files.create(name),
        "sftp open": lambda: asyncio.to_thread(open_at, data, False, policy),
        "sftp open, followed": lambda: asyncio.to_thread(open_at, data, True, policy),
    }


WORDS = tuple(words("/", Policy()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("word", [word for word in WORDS if word != "create"])
async def test_no_word_reads_them(word: str, way: str, state: Path, policy: Policy) -> None:
    with pytest.raises(Refused, match=OWN):
        await words(WAYS[way](state), policy)[word]()


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("a link", "a hard link")])
async def test_no_word_makes_or_replaces_them(way: str, state: Path, policy: Policy) -> None:
    path = WAYS[way](state)
    # Nothing is written through a link at all, and that is said first where one is on the way.
    with pytest.raises(Refused, match=f"{OWN}|nothing is written through a link"):
        await words(path, policy)["create"]()


async def test_a_hard_link_of_them_is_not_replaced(state: Path, policy: Policy) -> None:
    with pytest.raises(Refused, match=OWN):
        await words(by_a_hard_link(state), policy)["create"]()


@pytest.mark.skipif(os.geteuid() != 0, reason="a bind mount needs root")
@pytest.mark.parametrize(
    ("name", "word"),
    [
        *((name, word) for name in ("state/key.pem", "etc/policy.toml") for word in WORDS),
        ("state/new", "create"),
    ],
)
async def test_a_second_mount_of_their_folder_is_no_way_to_them(
    name: str, word: str, state: Path, policy: Policy, tmp_path: Path
) -> None:
    folder, _, last = name.rpartition("/")
    (again := tmp_path / "again").mkdir()
    bound = subprocess.run(["mount", "--bind", tmp_path / folder, again], check=False)
    if bound.returncode:
        pytest.skip("this system lets nobody mount")
    try:
        with pytest.raises(Refused, match=OWN):
            await words(f"{again}/{last}", policy)[word]()
        if folder == "state":
            with pytest.raises(Refused, match=OWN):
                await LinuxFiles(Name("/"), policy).enter(Name(str(again)))
    finally:
        subprocess.run(["umount", again], check=True)


async def test_their_folder_is_not_listed_entered_or_searched(
    state: Path, policy: Policy, standing_in_it: int
) -> None:
    files = LinuxFiles(Name("/"), policy)
    for folder in (str(state), f"{state}/sessions", f"/proc/{standing_in_it}/cwd/"):
        name, data = Name(folder), os.fsencode(folder)
        with pytest.raises(Refused, match=OWN):
            await files.enter(name)
        with pytest.raises(Refused, match=OWN):
            _ = [row async for row in files.list(name)]
        with pytest.raises(Refused, match=OWN):
            list(entries(data, policy))
        with pytest.raises(Refused, match=OWN):
            facts_at(data, True, policy)
    with pytest.raises(Refused, match=OWN):
        link_at(os.fsencode(state / "link"), policy)
    found = [one async for one in files.find("*", Name(str(state.parent)))]
    assert f"left out, off limits on this device: {state}" in found
    assert not any("key.pem" in str(getattr(one, "path", "")) for one in found)


async def test_the_sessions_own_folder_and_what_is_kept_stay_usable(
    state: Path, policy: Policy
) -> None:
    files = LinuxFiles(Name("/"), policy)
    for folder in ("sessions/mine", "kept"):
        path = f"{state}/{folder}"
        assert await files.enter(Name(path)) == path
        assert [str(row.path) async for row in files.list(Name(path))] == [f"{path}/x"]
        handle = await files.open(Name(f"{path}/x"))
        assert await handle.read(0, 100) == f"{folder}/x".encode()
        await handle.close()
        writer = await files.create(Name(f"{path}/new"))
        await writer.write(b"new")
        await writer.finish(overwrite=False)
        assert Path(path, "new").read_bytes() == b"new"


async def test_a_link_in_the_sessions_own_folder_is_no_way_out(state: Path, policy: Policy) -> None:
    (state / "sessions/mine/out").symlink_to("../..")
    os.link(state / "key.pem", state / "sessions/mine/hard")
    for name in ("out/key.pem", "hard"):
        path = f"{state}/sessions/mine/{name}"
        for word in ("open", "facts", "digest", "sftp open, followed"):
            with pytest.raises(Refused, match=OWN):
                await words(path, policy)[word]()


async def test_a_policy_that_the_owner_replaced_is_the_shims_own_too(
    state: Path, policy: Policy
) -> None:
    (new := state.parent / "etc/new").write_text("deny = []\n")
    new.rename(state.parent / "etc/policy.toml")
    os.link(state.parent / "etc/policy.toml", state.parent / "hard")
    with pytest.raises(Refused, match=OWN):
        await words(f"{state.parent}/hard", policy)["open"]()


@pytest.mark.parametrize("module", [os, pytest])
async def test_the_python_that_runs_it_is_read_and_never_written(
    module: object, policy: Policy
) -> None:
    path = str(getattr(module, "__file__", ""))
    handle = await LinuxFiles(Name("/"), policy).open(Name(path))
    assert handle.size > 0
    await handle.close()
    for place in (path, f"{os.path.dirname(path)}/new.py", sys.executable):
        with pytest.raises(Refused, match=OWN):
            await words(place, policy)["create"]()


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc/{pid}/task/{pid}/mem"])
@pytest.mark.parametrize("word", ["open", "digest", "sftp open", "sftp open, followed"])
async def test_no_memory_is_read_for_the_key_in_it(word: str, path: str, policy: Policy) -> None:
    with pytest.raises(Refused, match="is memory, not a file"):
        await words(path.format(pid=os.getpid()), policy)[word]()


# The same through a real supervisor and its worker.


@pytest.fixture
async def peer(door: Door, shim: Shim) -> AsyncIterator[Peer]:
    line, _ = await door.line()
    yield await opened(door, line)


async def done_of(peer: Peer, number: int, **command: object) -> tuple[list[object], Done]:
    peer.say(start(number, command))
    came, done = await peer.until_done()
    return came, done


async def test_a_broker_cannot_rewrite_policy_or_read_the_key(peer: Peer, tmp_path: Path) -> None:
    state = tmp_path / "state"
    asked: list[dict[str, object]] = [
        {"word": word, "path": f"{state}/key.pem"} for word in ("cat", "getfile", "fileinfo", "dir")
    ]
    asked += [
        {"word": "putfile", "name": "x", "sha256": "0" * 64, "size": 0, "path": f"{state}/{name}"}
        for name in ("policy.toml", "identity.json", "shim.toml", "device.pem")
    ]
    for number, command in enumerate(asked, 1):
        came, done = await done_of(peer, number, **command)
        assert done.code == "refused" and done.message.endswith(OWN.lstrip(" ").rstrip("$")), done
        assert not any(isinstance(one, bytes) for one in came)
    peer.say(wire.OpenFile(id=1, path=f"{state}/key.pem"))
    answer = await peer.next(wire.Answer)
    assert answer.code == "refused" and "the shim's own" in answer.error
    assert not (state / "policy.toml").exists()


async def test_a_broker_still_puts_files_into_the_sessions_folder(peer: Peer) -> None:
    data = b"of the library"
    digest, number = hashlib.sha256(data).hexdigest(), 0
    for keep in (False, True):
        number += 1
        put = {"name": "x", "sha256": digest, "size": len(data), "keep": keep}
        peer.say(start(number, {"word": "putfile", **put}))
        if not keep:  # what is there already is not sent again
            peer.send_binary(data)
            peer.say(wire.Eof())
        came, done = await peer.until_done()
        assert done == Done()
        (written,) = (one for one in came if isinstance(one, Written))
        number += 1
        came, done = await done_of(peer, number, word="cat", path=str(written.path))
        assert done == Done() and data in b"".join(one for one in came if isinstance(one, bytes))
