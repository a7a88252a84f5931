"""Files put: whole or not at all, never through a link, never over what was not asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.names import Name
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.open_policy import OpenPolicy


async def put(path: Path, data: bytes, *, overwrite: bool = False) -> Name:
    writer = await LinuxFiles(Name("/"), OpenPolicy()).create(Name(str(path)))
    try:
        await writer.write(data)
        return await writer.finish(overwrite=overwrite)
    except BaseException:
        await writer.abandon()
        raise


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make a file: with O_TMPFILE, and as where a file system lacks it."""
    if request.param == "named":
        # What a file system says that has no O_TMPFILE.
        real = os.open

        def without(path: object, flags: int, *rest: object, **words: object) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(95, "Operation not supported")
            return real(path, flags, *rest, **words)  # type: ignore[arg-type]

        monkeypatch.setattr("os.open", without)
    return str(request.param)


async def test_a_file_appears_whole_and_private(tmp_path: Path, way: str) -> None:
    data = os.urandom(2_500_000)
    writer = await LinuxFiles(Name("/"), OpenPolicy()).create(Name(f"{tmp_path}/f"))
    for start in range(0, len(data), 65_536):
        await writer.write(data[start : start + 65_536])
        assert not (tmp_path / "f").exists()
    assert await writer.finish(overwrite=False) == f"{tmp_path}/f"
    assert (tmp_path / "f").read_bytes() == data
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["f"]


async def test_an_abandoned_file_leaves_nothing(tmp_path: Path, way: str) -> None:
    writer = await LinuxFiles(Name("/"), OpenPolicy()).create(Name(f"{tmp_path}/f"))
    await writer.write(b"x" * 2_000_000)
    await writer.abandon()
    await writer.abandon()
    assert os.listdir(tmp_path) == []
    with pytest.raises(Failed, match="given up"):
        await writer.finish(overwrite=False)


async def test_a_taken_name_is_replaced_only_when_asked(tmp_path: Path, way: str) -> None:
    (tmp_path / "f").write_bytes(b"old")
    os.chmod(tmp_path / "f", 0o644)
    with pytest.raises(Refused, match="exists; it is replaced only when asked"):
        await put(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    await put(tmp_path / "f", b"new", overwrite=True)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["f"]


async def test_a_name_that_was_taken_meanwhile_is_not_replaced(tmp_path: Path, way: str) -> None:
    writer = await LinuxFiles(Name("/"), OpenPolicy()).create(Name(f"{tmp_path}/f"))
    await writer.write(b"new")
    (tmp_path / "f").write_bytes(b"came first")
    with pytest.raises(Refused, match="exists"):
        await writer.finish(overwrite=False)
    await writer.abandon()
    assert (tmp_path / "f").read_bytes() == b"came first"
    assert os.listdir(tmp_path) == ["f"]


async def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "way").symlink_to("folder")
    (tmp_path / "f").symlink_to("folder/f")
    with pytest.raises(Refused, match="way is a link to folder, and nothing is written through"):
        await put(tmp_path / "way" / "f", b"x")
    with pytest.raises(Refused, match="f is a link; only a plain file is replaced"):
        await put(tmp_path / "f", b"x", overwrite=True)
    assert os.listdir(tmp_path / "folder") == []


async def test_a_link_that_comes_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"safe")
    writer = await LinuxFiles(Name("/"), OpenPolicy()).create(Name(f"{tmp_path}/f"))
    await writer.write(b"new")
    (tmp_path / "f").symlink_to("outside")
    with pytest.raises(Refused, match="is a link"):
        await writer.finish(overwrite=True)
    await writer.abandon()
    assert (tmp_path / "outside").read_bytes() == b"safe"


async def test_what_cannot_be_a_place_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failed, match="nowhere does not exist"):
        await put(tmp_path / "nowhere" / "f", b"x")
    with pytest.raises(Failed, match="file is a plain file, not a folder"):
        await put(tmp_path / "file" / "f", b"x")
    with pytest.raises(Refused, match="pipe is a pipe"):
        await put(tmp_path / "pipe", b"x", overwrite=True)
    with pytest.raises(Refused, match="is a folder"):
        await put(tmp_path, b"x", overwrite=True)
    with pytest.raises(Refused, match="name the file"):
        await put(Path("/"), b"x")


async def test_the_policy_is_asked_for_the_real_place(tmp_path: Path) -> None:
    policy = OpenPolicy(str(tmp_path))
    with pytest.raises(Refused, match="policy"):
        await LinuxFiles(Name("/"), policy).create(Name(f"{tmp_path}/f"))


async def test_a_folder_that_is_swapped_for_a_link_lets_nothing_out(tmp_path: Path) -> None:
    """Another process swaps a folder and a link to outside without pause."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "link").symlink_to("outside")
    swap = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "os.chdir(sys.argv[1])\n"
        "print(flush=True)\n"
        "while True: libc.renameat2(-100, b'inside', -100, b'link', 2)\n"
    )
    swapper = subprocess.Popen([sys.executable, "-c", swap, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert swapper.stdout is not None
        swapper.stdout.readline()
        refused = 0
        for number in range(300):
            try:
                await put(tmp_path / "inside" / f"f{number}", b"x")
            except (Refused, Failed):
                refused += 1
    finally:
        swapper.kill()
        swapper.communicate()
    assert 0 < refused < 300
    assert os.listdir(tmp_path / "outside") == []


async def test_a_full_file_system_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "fireline-test", str(tmp_path)], check=True
    )
    try:
        with pytest.raises(Failed, match="no space is left"):
            await put(tmp_path / "f", b"x" * 3_000_000)
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
