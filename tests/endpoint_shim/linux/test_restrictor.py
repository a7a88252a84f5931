"""A device in namespaces of its own, where only known programs start: the real kernel asks."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint_shim.linux.answers import LIMIT_S
from endpoint_shim.linux.cold import THREADS
from tests.endpoint_shim.linux.restricted import PLACE, Box

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="fanotify and namespaces need root"),
    pytest.mark.needs("unshare", "dpkg"),
    pytest.mark.xdist_group("restriction"),
]
STATIC = "/usr/sbin/ldconfig"
"""A program that no loader loads."""
LOADER = os.path.realpath("/lib64/ld-linux-x86-64.so.2")
DENIED = [f"errno {errno.EPERM}", ""]

MAKE_PACKAGE = r"""set -eu
root=/tmp/package-$1
mkdir -p "$root/DEBIAN" "$root/usr/bin"
head="Package: fireline-try\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: tries\n"
printf "${head}Version: $1\n" > "$root/DEBIAN/control"
printf '#!/bin/sh\necho version %s\n' "$1" > "$root/usr/bin/fireline-try"
for name in preinst postinst prerm postrm; do
    printf '#!/bin/sh\necho %s "$1" %s >> /tmp/scripts\n' "$name" "$1" > "$root/DEBIAN/$name"
done
echo /usr/bin/fireline-try >> "$root/DEBIAN/postinst"
chmod 755 "$root"/usr/bin/* "$root"/DEBIAN/p*
dpkg-deb --root-owner-group --build "$root" "/tmp/$1.deb" > /dev/null
"""
"""With every script that dpkg runs; its last one starts the program."""


CROWD = """import os, time
for _ in range(30):
    if os.fork() == 0:
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        os.execv("/usr/bin/bash", ["bash", "/place/crowd.sh"])
for _ in range(30):
    os.wait()
"""
"""Programs that all ask at once, with no processor left to go to sleep over it."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made = Box(tmp_path_factory.mktemp("restricted"))
    try:
        made.run("cp", "/usr/bin/true", PLACE / "copied")
        assert made.run(PLACE / "copied") == [0, ""], "not restricted yet"
        made.ask("start")
        yield made
    finally:
        made.close()


def script(box: Box, path: Path, text: str) -> Path:
    """Written in there."""
    assert box.run("tee", path, input=text) == [0, text]
    assert box.run("chmod", "755", path) == [0, ""]
    return path


def test_what_a_package_installed_starts(box: Box) -> None:
    assert box.run("/usr/bin/true") == [0, ""]
    assert box.run("sh", "-c", "ls /usr | head -1") == [0, "bin\n"]


def test_a_copied_program_does_not_and_says_why(box: Box) -> None:
    assert box.run(PLACE / "copied") == DENIED
    told = box.wait_for("blocked", "copied")
    assert "no package of this device holds it" in told and "asked" in told


def test_a_program_too_deep_to_be_named_does_not_and_ends_nobody(box: Box) -> None:
    assert box.ask("run_deep", str(PLACE / "copied"), 60) == DENIED
    box.wait_for("blocked", "too long to tell")
    assert box.ask("alive")


def test_a_new_script_with_a_shebang_does_not(box: Box) -> None:
    assert box.run(script(box, PLACE / "new.sh", "#!/bin/sh\necho ran\n")) == DENIED


def test_an_interpreter_given_a_new_script_does_not(box: Box) -> None:
    path = script(box, PLACE / "given.sh", "echo ran\n")
    for words in (("bash", path), ("sh", "-eu", path), ("bash", "-o", "pipefail", path)):
        assert box.run(*words) == DENIED
    assert box.run("sh", "-c", f"cd {PLACE}; exec bash given.sh")[0] == 126
    assert box.run("sh", "-c", f"bash < {path}")[0] == 126
    assert box.run("sh", "-c", f"PATH={PLACE}:$PATH; bash given.sh")[0] == 126, "along PATH"
    assert box.run("perl", path) == DENIED and box.run("awk", "-f", path) == DENIED
    assert box.run("perl", "-Ie", path) == DENIED and box.run("bash", "-norc", path) == DENIED
    box.wait_for("blocked", "it was given /place/given.sh")
    mounts = "mount -t tmpfs own /mnt; touch /mnt/other; mount --bind /usr/bin/bash /mnt/other;"
    renamed = f"{mounts} /mnt/other {path} 2> /dev/null; test $? = 126"
    assert box.run("unshare", "--mount", "sh", "-c", renamed) == [0, ""], "by another name"


def test_a_crowd_that_leaves_no_processor_gets_no_script_through(box: Box) -> None:
    script(box, PLACE / "crowd.sh", "echo ran >> /tmp/crowd\n")
    assert "Operation not permitted" in box.run("/usr/bin/python3", "-c", CROWD)[1]
    assert box.run("cat", "/tmp/crowd")[0] == 1, "none ran"


def test_an_interpreter_given_its_program_in_words_or_by_a_package_does(box: Box) -> None:
    assert box.run("bash", "-ec", "echo $0", PLACE / "given.sh") == [0, "/place/given.sh\n"]
    assert box.run("perl", "-e", "print 1") == [0, "1"]
    assert box.run("bash", "/usr/bin/ldd", "--version")[0] == 0
    assert box.run("sh", "-c", f"echo packed | gzip > {PLACE}/x.gz") == [0, ""]
    assert box.run("zcat", PLACE / "x.gz") == [0, "packed\n"], (
        "a script's own words are not scripts"
    )


def test_a_script_that_a_package_installed_does(box: Box) -> None:
    assert box.run("/usr/bin/ldd", "--version")[0] == 0


def test_the_loader_does_not_load_what_it_is_given_by_name(box: Box) -> None:
    assert box.run(LOADER, PLACE / "copied") == DENIED
    assert box.run(LOADER, "/usr/bin/true") == DENIED
    box.wait_for("blocked", "nobody was asked about")


def test_nor_for_a_program_that_was_asked_for_before_and_did_not_start(box: Box) -> None:
    too_long = "exec {'/usr/bin/true'} 'true', 'a' x 200_000;"
    words = f"{too_long} exec {{'{LOADER}'}} 'ld', '{PLACE}/copied'; exit $! + 100"
    assert box.run("perl", "-e", words) == [100 + errno.EPERM, ""]


def test_a_program_that_lies_in_memory_does_not(box: Box) -> None:
    status, _ = box.ask("run_in_memory", "/usr/bin/true")
    assert status in (f"errno {errno.EPERM}", f"errno {errno.EACCES}")


def test_a_changed_program_of_a_package_does_not(box: Box) -> None:
    assert box.run("/usr/bin/yes", "--version")[0] == 0
    box.run(
        "dd", "if=/dev/zero", "of=/usr/bin/yes", "bs=1", "count=1", "conv=notrunc", "seek=39000"
    )
    assert box.run("/usr/bin/yes", "--version") == DENIED
    box.wait_for("blocked", "not as its package installed it")


def test_what_takes_too_long_to_read_is_answered_in_time(box: Box) -> None:
    slow = "/usr/bin/tac"
    box.run("truncate", "--size=1200M", slow)
    assert box.run("touch", "--date=2000-01-01", slow) == [0, ""]
    assert box.ask("time", [slow, "--version"], 1)[0] >= LIMIT_S
    box.wait_for("started", "not as its package installed it")
    assert box.run(slow, "--version") == DENIED, "by then it is known"


def test_a_daemon_whose_file_an_update_replaced_goes_on(box: Box) -> None:
    words = "read word; /usr/bin/echo $word; readlink /proc/$$/exe; :"
    box.ask("begin", "/usr/bin/bash", "-c", words)
    for words in ("cp -p /usr/bin/bash /usr/bin/bash.new", "mv /usr/bin/bash.new /usr/bin/bash"):
        assert box.run(*words.split()) == [0, ""]
    assert box.ask("tell", "goes on\n") == "goes on\n/usr/bin/bash (deleted)\n"
    assert box.run("/usr/bin/bash", "-c", "exit 3") == [3, ""]


def test_what_ran_before_from_no_package_starts_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        box.run("cp", "/usr/bin/bash", PLACE / "implant")
        pid = box.ask("begin", str(PLACE / "implant"), "-c", "read x; echo $x; exec /usr/bin/true")
        assert any("/place/implant" in note for note in box.ask("start")["notes"])
        assert "Operation not permitted" in box.ask("tell", "runs\n")
        assert f"implant (pid {pid}) asked" in box.wait_for("blocked", "no package itself")
    finally:
        box.close()


def test_what_the_kernel_did_not_ask_about_is_told_of_at_least(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        box.ask("keep_in_memory", STATIC)
        box.ask("start")
        pid = box.ask("begin_from_memory", "-N", "-X", "-f", "/proc/self/fd/0")
        assert f"(pid {pid})" in box.wait_for("started", "nobody was asked about it")
    finally:
        box.close()


def test_packages_are_installed_upgraded_and_removed_meanwhile(box: Box) -> None:
    for version in ("1", "2"):
        assert box.run("sh", "-c", MAKE_PACKAGE, "make", version) == [0, ""]
        status, said = box.run("dpkg", "--install", f"/tmp/{version}.deb")
        assert (status, said.endswith(f"version {version}\n")) == (0, True), said
        assert box.run("/usr/bin/fireline-try") == [0, f"version {version}\n"]
    assert box.run("dpkg", "--purge", "fireline-try")[0] == 0
    ran = box.run("cat", "/tmp/scripts")[1].splitlines()
    assert "postrm upgrade 1" in ran
    assert [line for line in ran if line.endswith("2")] == [
        *("preinst upgrade 2", "postinst configure 2", "prerm remove 2"),
        *("postrm remove 2", "postrm purge 2"),
    ]
    box.wait_for("note", "packages changed")


def test_a_killed_enforcer_holds_nothing_back_and_what_started_meanwhile_is_told(box: Box) -> None:
    assert box.run(PLACE / "copied") == DENIED
    _, scheduled = box.run("chrt", "-p", str(box.ask("enforcer")))
    assert "SCHED_RR" in scheduled, "it does not come before what is ordinary"
    box.ask("signal", "SIGKILL")
    assert box.run(PLACE / "copied") == [0, ""], "the kernel let go with it"
    box.wait_until_not_alive()
    box.wait_for("unguarded", "ended with status -9")
    box.run("cp", "/usr/bin/bash", PLACE / "implant")
    pid = box.ask("begin", str(PLACE / "implant"), "-c", "read x")
    box.ask("start")
    assert f"/place/implant (pid {pid}) started" in box.wait_for("started", "implant")
    assert box.run(PLACE / "copied") == DENIED
    box.ask("tell", "\n")


def test_whoever_cannot_read_scripts_any_more_is_replaced_without_a_gap(box: Box) -> None:
    path = script(box, PLACE / "unread.sh", "exit 7\n")
    old = box.ask("enforcer")
    kill_readers = f"kill -KILL $(pgrep -P {old} | head -n {THREADS})"
    assert box.run("sh", "-c", kill_readers) == [0, ""]
    assert box.run("bash", path) == [7, ""], "let start, and told"
    box.wait_for("started", "could not be read what an interpreter was given")
    box.wait_for_another(old)
    assert box.run("bash", path) == DENIED


def test_an_enforcer_that_does_not_answer_is_ended(box: Box) -> None:
    box.ask("signal", "SIGSTOP")
    box.wait_until_not_alive()
    assert box.run("/usr/bin/true") == [0, ""]
    box.wait_for("unguarded", "did not answer")
    box.ask("start")


def test_a_new_one_is_in_force_before_the_old_one_ends(box: Box) -> None:
    old = box.ask("enforcer")
    box.ask("start")
    assert box.ask("enforcer") != old and box.ask("alive")
    assert box.run(PLACE / "copied") == DENIED
    assert not [text for kind, text in box.ask("seen") if kind in ("unguarded", "started")]


def test_a_guard_that_dies_leaves_it_in_force_for_the_next_one(box: Box) -> None:
    old = box.ask("enforcer")
    box.ask("forget_guard")
    assert box.run(PLACE / "copied") == DENIED
    box.ask("start")
    assert box.ask("enforcer") != old and box.run(PLACE / "copied") == DENIED
    assert not [text for kind, text in box.ask("seen") if kind in ("unguarded", "started")]
    box.until_gone(old)


def test_what_started_between_two_guards_is_told_by_the_second(box: Box) -> None:
    enforcer = box.ask("enforcer")
    box.ask("leave")
    assert box.run(PLACE / "copied") == DENIED, "a guard that is started anew finds no gap"
    box.run("kill", "-KILL", enforcer)
    box.until_gone(enforcer)
    assert box.run(PLACE / "copied") == [0, ""], "nobody watches"
    box.run("cp", "/usr/bin/bash", PLACE / "between")
    pid = box.ask("begin", str(PLACE / "between"), "-c", "read x")
    box.ask("start")
    assert f"(pid {pid}) started" in box.wait_for("started", "/place/between")
    assert box.run(PLACE / "copied") == DENIED
    box.ask("tell", "\n")


def test_another_guard_ends_what_a_dead_one_left(box: Box) -> None:
    box.ask("forget_guard")
    assert box.run(PLACE / "copied") == DENIED
    box.ask("stop")
    assert box.run(PLACE / "copied") == [0, ""]
    box.ask("start")


def test_what_is_mounted_later_is_held_too(box: Box) -> None:
    box.run("mkdir", "/place/later")
    assert box.run("mount", "-t", "tmpfs", "later", "/place/later") == [0, ""]
    box.run("cp", "/usr/bin/true", "/place/later/copied")
    assert box.run("/place/later/copied") == DENIED
    box.run("umount", "/place/later")


@pytest.mark.needs("sshfs")
@pytest.mark.parametrize("user", [0, 65534])
def test_what_lies_on_a_mount_with_a_server_behind_it_does_not(box: Box, user: int) -> None:
    near, far = f"/place/near-{user}", f"/tmp/far-{user}"
    box.run("mkdir", "--mode=777", near, far)
    box.run("chmod", "755", "/place")
    box.run("cp", STATIC, f"{far}/static")
    box.ask("mount_far", near, far, user)
    words = f"until ! {near}/static -V; do sleep .01; done 2>&1 | tail -1"
    status, said = box.run("sh", "-c", words, user=user, group=user, extra_groups=[])
    assert status == 0 and "Operation not permitted" in said
    box.wait_for("blocked", "network, FUSE or container")


def test_what_another_mount_namespace_alone_has_does_not(box: Box) -> None:
    mounted = f"mount -t tmpfs own /mnt && cp {STATIC} /usr/bin/true /mnt/ && ! /mnt/true"
    words = f"{mounted} && until ! /mnt/ldconfig -V; do sleep .01; done 2>&1 | tail -1"
    status, said = box.run("unshare", "--mount", "sh", "-c", words)
    assert status == 0 and "/mnt/ldconfig: Operation not permitted" in said


def test_nothing_is_held_after_the_end(box: Box) -> None:
    box.ask("stop")
    assert box.run(PLACE / "copied") == [0, ""]
    assert box.ask("run_in_memory", "/usr/bin/true") == [0, ""]
    assert box.run("ls", "/var/lib/fireline-endpoint") == [0, "sessions\n"]
    box.ask("start")
    assert box.run(PLACE / "copied") == DENIED


def test_a_device_without_lists_of_programs_is_refused_by_name(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        box.run("mv", "/var/lib/dpkg", "/var/lib/none")
        assert "neither dpkg (/var/lib/dpkg) nor rpm" in box.ask("refused")
        assert box.run("/usr/bin/true") == [0, ""]
    finally:
        box.close()
