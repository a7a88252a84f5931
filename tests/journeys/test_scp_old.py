"""The old scp protocol (`scp -O`) in both directions: the same tree, rules and records as SFTP."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo
from tests.journeys.rig import until
from tests.journeys.sftp_folders import BIG, PLAIN, filled, same, there
from tests.journeys.test_sftp_writing import changes

__all__ = ["demo", "there"]  # the fixtures

pytestmark = pytest.mark.needs("ssh", "scp")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return filled(tmp_path / "here", PLAIN)


def test_a_tree_goes_there_and_back_with_modes_and_times(
    demo: Demo, here: Path, there: Path, tmp_path: Path
) -> None:
    put = demo.client("scp", "-O", "-rp", str(here), f"fireline:{demo.at(there)}/new")
    assert (put.status, put.err) == (0, "")
    assert same(here, there / "new")
    got = demo.client("scp", "-O", "-rp", f"fireline:{demo.at(there)}/new", str(tmp_path / "back"))
    assert (got.status, got.err) == (0, "")
    assert same(here, tmp_path / "back")
    for folder in (there / "new", tmp_path / "back"):
        was, is_now = (here / "run.sh").stat(), (folder / "run.sh").stat()
        assert (was.st_mode, was.st_mtime) == (is_now.st_mode, is_now.st_mtime)


def test_several_and_patterns_are_taken_and_a_literal_name_is_itself(
    demo: Demo, here: Path, tmp_path: Path
) -> None:
    (here / "*").write_text("star")
    got = tmp_path / "got"
    got.mkdir()
    at = demo.at(here)
    ran = demo.client("scp", "-O", f"fireline:{at}/run.*", f"fireline:{at}/\\*", str(got))
    assert (ran.status, ran.err) == (0, "")
    assert sorted(os.listdir(got)) == ["*", "run.sh"]
    ran = demo.client("scp", "-O", str(here / "run.sh"), str(here / "zero"), "fireline:/library")
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{here}/run.sh", "fireline:{at}/old"], "exists and this connection did not make it"),
        (["{here}/run.sh", "fireline:{at}/link"], "is a link; only a plain file"),
        (["{here}/run.sh", "{here}/zero", "fireline:{at}/none"], "is no folder"),
        (["{here}/run.sh", "fireline:/new"], "nothing is made or changed here"),
        (["{here}/run.sh", "fireline-basic:{at}/new"], "needs advanced, you are basic"),
        (["fireline:{at}/none", "{here}/got"], "does not exist"),
        (["fireline:{at}", "{here}/got"], "it is a folder; -r copies it"),
        (["fireline:{at}/pipe", "{here}/got"], "is a pipe, not a plain file"),
        (["fireline-auditor:{at}/old", "{here}/got"], "you are auditor"),
        (["fireline:/devices/none/root/x", "{here}/got"], "no such file"),
    ],
)
def test_what_is_refused_is_said_and_is_status_one(
    demo: Demo, here: Path, there: Path, words: list[str], said: str
) -> None:
    (there / "old").write_text("old")
    (there / "link").symlink_to("old")
    os.mkfifo(there / "pipe")
    ran = demo.client("scp", "-O", *(w.format(here=here, at=demo.at(there)) for w in words))
    assert ran.status == 1
    assert said in ran.err
    assert sorted(os.listdir(there)) == ["link", "old", "pipe"]
    assert (there / "old").read_text() == "old"


def test_one_file_that_cannot_be_taken_does_not_hold_back_the_others(
    demo: Demo, here: Path, tmp_path: Path
) -> None:
    (here / "dangling").symlink_to("nowhere")
    (here / "loop").mkdir()
    (here / "loop" / "again").symlink_to(".")
    ran = demo.client("scp", "-O", "-r", f"fireline:{demo.at(here)}", str(tmp_path / "got"))
    assert ran.status == 1
    assert "dangling" in ran.err
    assert (tmp_path / "got/sub/big").read_bytes() == BIG


def test_a_sender_that_goes_leaves_nothing(demo: Demo, there: Path) -> None:
    path = there / "new"
    argv = ["ssh", "-F", str(demo.state / "ssh_config"), "fireline", f"scp -t {demo.at(path)}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ssh:
        assert ssh.stdin is not None and ssh.stdout is not None
        assert ssh.stdout.read(1) == b"\0"
        ssh.stdin.write(b"C0644 1000000 new\n" + bytes(200_000))
        ssh.stdin.flush()
        assert ssh.stdout.read(1) == b"\0"
        ssh.kill()
    until("the change has an end", lambda: changes(demo, "change_ended", path))
    assert changes(demo, "change_ended", path)[0]["state"] == "interrupted"
    assert os.listdir(there) == []


@pytest.mark.parametrize("line", [b"C0644 1 ../x\n", b"C0644 x y\n", b"X\n", b"D0755 0 ..\n"])
def test_a_line_that_is_none_ends_the_copy(demo: Demo, there: Path, line: bytes) -> None:
    argv = ["ssh", "-F", str(demo.state / "ssh_config"), "fireline", f"scp -rt {demo.at(there)}"]
    ran = subprocess.run(argv, input=line + b"x\0", capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout[:2]) == (1, b"\0\2")
    assert os.listdir(there) == []
