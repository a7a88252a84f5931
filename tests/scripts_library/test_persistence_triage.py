"""persistence-triage.sh on systems of the tests' own (-r ROOT), without a network and unasked."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts_library" / "persistence-triage.sh"
TOOL = "/opt/tool/run-"


def triage(*arguments: str | bytes) -> "subprocess.CompletedProcess[bytes]":
    """One run, as the shim starts it: standard input at its end, an almost empty environment."""
    argv: Sequence[str | bytes] = ["bash", str(SCRIPT), *arguments]
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "LANG": "de_DE.UTF-8"},
    )


def rows(root: Path, *more: str) -> list[dict[str, Any]]:
    ran = triage("-r", os.fsencode(root), "-j", *more)
    assert ran.returncode in (0, 3), ran.stderr
    return [json.loads(line) for line in ran.stdout.decode("ascii").splitlines()]


def write(root: Path, name: str, text: str, mode: int = 0o644) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with one user and an empty package database."""
    system = tmp_path / "system"
    write(system, "etc/passwd", "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n")
    write(system, "home/ann/notes.txt", "nothing\n")
    return system


PLACES = {
    "etc/systemd/system/one.service": ("systemd system", f"[Service]\nExecStart={TOOL}unit\n"),
    "etc/systemd/system/one.timer": ("systemd system", "[Timer]\nOnCalendar=daily\n"),
    "etc/systemd/system/ssh.service.d/x.conf": ("systemd system", f"ExecStartPre={TOOL}drop\n"),
    "home/ann/.config/systemd/user/two.service": ("systemd user", f"ExecStart={TOOL}user\n"),
    "usr/lib/systemd/system-generators/gen": ("generator", f"#!/bin/sh\n{TOOL}gen\n"),
    "etc/cron.d/job": ("cron", f"* * * * * root {TOOL}cron\n"),
    "etc/cron.daily/day": ("cron", f"#!/bin/sh\n{TOOL}day\n"),
    "var/spool/cron/crontabs/ann": ("cron", f"@reboot {TOOL}tab\n"),
    "var/spool/cron/atjobs/a0001": ("at", f"#!/bin/sh\n{TOOL}at\n"),
    "etc/rc.local": ("rc", f"#!/bin/sh\n{TOOL}rc\n"),
    "etc/init.d/old": ("rc", f"#!/bin/sh\n{TOOL}init\n"),
    "etc/profile.d/p.sh": ("profile", f"{TOOL}profile\n"),
    "home/ann/.bashrc": ("profile", f"{TOOL}bashrc\n"),
    "home/ann/.ssh/rc": ("profile", f"{TOOL}sshrc\n"),
    "home/ann/.ssh/authorized_keys": ("keys", f'command="{TOOL}key" ssh-ed25519 AAAA ann\n'),
    "etc/ssh/sshd_config": ("keys", f"AuthorizedKeysCommand {TOOL}keys\n"),
    "etc/ld.so.preload": ("preload", f"{TOOL}preload.so\n"),
    "etc/udev/rules.d/9.rules": ("udev", f'ACTION=="add", RUN+="{TOOL}udev"\n'),
    "etc/modules-load.d/m.conf": ("module", "odd_module\n"),
    "etc/modprobe.d/m.conf": ("module", f"install usb {TOOL}modprobe\n"),
    "etc/pam.d/common-auth": ("pam", f"auth optional pam_exec.so {TOOL}pam\n"),
    "usr/lib/security/pam_own.so": ("pam module", "\x7fELF"),
    "etc/xdg/autostart/x.desktop": ("xdg", f"[Desktop Entry]\nExec={TOOL}xdg\n"),
    "home/ann/.config/autostart/y.desktop": ("xdg", f"Exec={TOOL}own\nHidden=true\n"),
    "etc/update-motd.d/00-x": ("motd", f"#!/bin/sh\n{TOOL}motd\n"),
    "etc/NetworkManager/dispatcher.d/9": ("network hook", f"#!/bin/sh\n{TOOL}nm\n"),
    "etc/apt/apt.conf.d/9": ("package hook", f'DPkg::Post-Invoke {{"{TOOL}apt";}};\n'),
    "etc/logrotate.d/l": ("logrotate", f"/var/log/x {{ postrotate\n{TOOL}rotate\nendscript }}\n"),
    "etc/sudoers.d/s": ("sudo", f"ann ALL=(root) NOPASSWD: {TOOL}sudo\n"),
    "srv/site/.git/hooks/post-checkout": ("git hook", f"#!/bin/sh\n{TOOL}git\n"),
}


def test_one_entry_in_each_place_is_one_row_with_its_place(root: Path) -> None:
    for name, (_, text) in PLACES.items():
        write(root, name, text, 0o755 if text.startswith("#!") else 0o644)
    found = {row["path"].removeprefix(f"{root}/"): row for row in rows(root)}
    assert {name: row["place"] for name, row in found.items()} == {
        name: place for name, (place, _) in PLACES.items()
    }
    without_words = {"usr/lib/security/pam_own.so"}
    for name, (_, text) in PLACES.items():
        said = [word for word in text.split() if TOOL in word]
        assert name in without_words or all(word in found[name]["value"] for word in said), name
    assert found["home/ann/.bashrc"]["user"] == "ann"
    digest = hashlib.sha256((root / "etc/rc.local").read_bytes()).hexdigest()
    assert found["etc/rc.local"]["sha256"] == digest


def test_what_is_as_its_package_brought_it_is_left_out_unless_asked(root: Path) -> None:
    same = write(root, "usr/lib/systemd/system/good.service", "ExecStart=/usr/sbin/good\n")
    changed = write(root, "usr/lib/systemd/system/bad.service", "ExecStart=/tmp/bad\n")
    setting = write(root, "etc/cron.d/good", "1 1 * * * root /usr/sbin/good\n")
    md5 = {path: hashlib.md5(path.read_bytes()).hexdigest() for path in (same, setting)}
    # On a merged system the package names /lib for what lies in /usr/lib.
    write(
        root,
        "var/lib/dpkg/info/good.list",
        "/etc/cron.d/good\n/lib/systemd/system/good.service\n/usr/lib/systemd/system/bad.service\n",
    )
    write(
        root,
        "var/lib/dpkg/info/good.md5sums",
        f"{md5[same]}  lib/systemd/system/good.service\n"
        f"{'0' * 32}  usr/lib/systemd/system/bad.service\n",
    )
    write(
        root,
        "var/lib/dpkg/status",
        f"Package: good\nConffiles:\n /etc/cron.d/good {md5[setting]}\n",
    )
    shown = rows(root)
    assert [(r["path"], r["package"], r["as_brought"]) for r in shown] == [
        (str(changed), "good", False)
    ]
    every = {r["path"]: r["as_brought"] for r in rows(root, "-a")}
    assert every == {str(same): True, str(changed): False, str(setting): True}


def test_a_home_s_file_that_is_its_skeleton_is_left_out_unless_asked(root: Path) -> None:
    write(root, "etc/skel/.profile", "umask 022\n")
    write(root, "home/ann/.profile", "umask 022\n")
    write(root, "home/ann/.bashrc", "/tmp/x &\n")
    skeleton, bashrc = f"{root}/etc/skel/.profile", f"{root}/home/ann/.bashrc"
    assert {r["path"] for r in rows(root)} == {skeleton, bashrc}
    assert f"{root}/home/ann/.profile" in {r["path"] for r in rows(root, "-a")}


def test_days_leave_out_what_was_not_changed_since_then(root: Path) -> None:
    write(root, "etc/cron.d/job", "* * * * * root /tmp/x\n")
    assert [r["place"] for r in rows(root, "-d", "1")] == ["cron"]
    ran = triage("-r", str(root), "-d", "0")
    # Zero days from now on: only what changes within this second could be in it.
    assert ran.returncode in (0, 3)


def test_nothing_found_is_status_3_and_says_so(root: Path) -> None:
    ran = triage("-r", str(root), "-j")
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert ran.stderr.endswith(b"nothing found\n")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["-x"], b"-x is not known"),
        (["-d"], b"-d needs a value"),
        (["-d", "soon"], b"-d takes a number of days"),
        (["-r", "no/such"], b"-r takes the whole path"),
        (["etc"], b"'etc' is too much"),
    ],
)
def test_wrong_parameters_are_status_2_and_named(arguments: list[str], named: bytes) -> None:
    ran = triage(*arguments)
    assert (ran.returncode, ran.stdout) == (2, b"") and named in ran.stderr


def test_a_place_that_cannot_be_read_is_named_and_status_1() -> None:
    nobody = 65534 if os.geteuid() == 0 else None  # root reads everything
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        write(root, "etc/passwd", "root:x:0:0::/root:/bin/bash\n")
        write(root, "etc/cron.d/job", "x /y\n", 0o000)
        write(root, "etc/cron.d/seen", "x /z\n")
        # Its text, not its path: the other user need not see this folder.
        argv = ["bash", "-c", SCRIPT.read_text("utf-8"), "triage", "-r", name, "-j"]
        ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, user=nobody)
    assert ran.returncode == 1
    assert b"not read: " + os.fsencode(name) + b"/etc/cron.d/job: permission denied" in ran.stderr
    assert [json.loads(line)["value"] for line in ran.stdout.splitlines()] == ["x /z"]


def test_names_and_lines_of_any_bytes_are_whole_json_and_never_a_control_character(
    root: Path,
) -> None:
    folder = os.fsencode(write(root, "etc/cron.d/plain", "x /tmp/ü \x1b]0;t\x07 😀\n").parent)
    name = b'two\nlines \x1b[2J\xff" .x'
    with open(os.path.join(folder, name), "wb") as file:
        file.write(b"y /tmp/\xfe\n")
    found = {r["value"]: r for r in rows(root)}
    assert set(found) == {"x /tmp/ü \x1b]0;t\x07 😀", "y /tmp/\\xfe"}
    odd = found["y /tmp/\\xfe"]
    assert odd["path"].endswith('/two\nlines \x1b[2J\\xff" .x')
    assert odd["path_raw"].endswith("two%0Alines%20%1B%5B2J%FF%22%20.x")
    text = triage("-r", str(root)).stdout
    assert all(byte == 10 or 32 <= byte < 127 for byte in text) and text.count(b"\n") == 2


def test_a_home_s_text_in_passwd_is_never_given_to_a_shell(root: Path, tmp_path: Path) -> None:
    owned = tmp_path / "OWNED"
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write(f"+@group:x:::::\nx:x:1:1::/home/x$(touch {owned}):/bin/sh\nshort\n")
    assert rows(root) == [] and not owned.exists()


def test_a_link_out_of_the_unit_folders_is_a_row_and_an_enabled_unit_is_not(root: Path) -> None:
    unit = write(root, "etc/systemd/system/one.service", "ExecStart=/x\n")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "one.service").symlink_to(unit)
    evil = write(root, "tmp/systemd/system/evil.service", "ExecStart=/tmp/x\n")
    (wants / "evil.service").symlink_to(evil)
    assert [(Path(r["path"]).name, r["value"]) for r in rows(root)] == [
        ("one.service", "ExecStart=/x"),
        ("evil.service", f"link to {evil}"),
    ]


def test_it_changes_nothing_and_makes_no_file(root: Path) -> None:
    for name, (_, text) in PLACES.items():
        write(root, name, text)
    before = {p: p.lstat().st_mtime_ns for p in root.rglob("*")}
    rows(root)
    assert {p: p.lstat().st_mtime_ns for p in root.rglob("*")} == before
