"""Says which system programs are missing, and on Debian as root installs them for the tests.

`need GROUP…` exits 1 and names the command that installs what is missing; `install GROUP…`
installs it where it may, and else names what is missing and what will not run. It never asks
for a password and never starts a service.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DAEMON_POLICY = Path("/usr/sbin/policy-rc.d")
SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


class Program(NamedTuple):
    name: str
    package: str
    without: str  # what does not run when it is missing


GROUPS: dict[str, tuple[Program, ...]] = {
    "demo": (Program("ssh", "openssh-client", "the demo and every journey"),),
    "test": (
        Program("ssh", "openssh-client", "every journey"),
        Program("sshd", "openssh-server", "comparisons with ssh -J; the hung mounts"),
        Program("tmux", "tmux", "screens as a person sees them"),
        Program("sshfs", "sshfs", "the hung mounts; files of a device as files"),
        Program("lftp", "lftp", "lftp to and from a device"),
        Program("curl", "curl", "curl to and from a device"),
        Program("pscp", "putty-tools", "PuTTY's clients"),
        Program("parallel-ssh", "pssh", "parallel-ssh to a device"),
        Program(
            "/usr/lib/python3/dist-packages/paramiko/__init__.py",
            "python3-paramiko",
            "paramiko to a device",
        ),
        Program("node", "nodejs", "node's ssh2 to a device"),
        Program("npm", "npm", "node's ssh2 to a device"),
        Program("clamd", "clamav-daemon", "the scan on Linux"),
        Program("clamscan", "clamav", "the scan without a daemon"),
        Program("strace", "strace", "what is on disk before it is shown"),
        Program("ps", "procps", "what is left on the device"),
        Program("ip", "iproute2", "test hosts in network namespaces"),
        Program("ping", "iputils-ping", "isolated devices"),
        Program("faketime", "faketime", "devices with a wrong clock"),
        Program("nft", "nftables", "isolation; cut connections"),
        Program("openssl", "openssl", "wrong certificates at the device door"),
        Program("unshare", "util-linux", "mounts of a test's own"),
        Program("systemd-analyze", "systemd", "the shim as a service, started for real"),
        Program("git", "git", "the look at the commits"),
        Program(
            "/usr/share/i18n/locales/de_DE", "locales", "a device with another language's locale"
        ),
        Program("rsync", "rsync", "rsync to a device"),
    ),
    "windows": (
        Program("wine", "wine", "the Windows half"),
        Program("/usr/lib/wine/wine64", "wine64", "the Windows half"),
        Program("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32", "the Windows half"),
    ),
}


def missing(groups: list[str]) -> list[Program]:
    wanted = {program.name: program for group in groups for program in GROUPS[group]}
    return [program for program in wanted.values() if not found(program.name)]


def found(name: str) -> bool:
    """Whether a program is there, or a file by its whole path: a package of Debian's Python."""
    return bool(shutil.which(name, path=SEARCH)) or (os.path.isabs(name) and os.path.exists(name))


def main() -> int:
    action, groups = sys.argv[1], sys.argv[2:]
    lacking = missing(groups)
    if not lacking:
        return 0
    packages = sorted({program.package for program in lacking})
    command = f"apt-get install {' '.join(packages)}"
    if action == "need":
        names = ", ".join(program.name for program in lacking)
        print(f"fireline needs {names}: {command}", file=sys.stderr)
        return 1
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return install(packages)
    print(f"missing system packages: {' '.join(packages)} ({command})", flush=True)
    for program in lacking:
        print(f"  without {program.name} this does not run: {program.without}", flush=True)
    return 0


def install(packages: list[str]) -> int:
    print(f"installing {' '.join(packages)} ...", flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    words = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    with no_daemon_starts():
        for step in ([*apt, "update"], words):
            done = subprocess.run(
                step, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
    if done.returncode:
        print(f"installing failed: apt-get install {' '.join(packages)}", file=sys.stderr)
    return done.returncode


@contextlib.contextmanager
def no_daemon_starts() -> Iterator[None]:
    """Debian starts a daemon it installs; the tests need sshd's file, not a server on port 22."""
    if DAEMON_POLICY.exists():
        yield
        return
    DAEMON_POLICY.write_text("#!/bin/sh\nexit 101\n")
    DAEMON_POLICY.chmod(0o755)
    try:
        yield
    finally:
        DAEMON_POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main())
