"""A restricted device to try programs on: mount and pid namespaces of its own, whose root is an
overlay over this machine's. Only file systems that exist nowhere else are marked.

It obeys a line of JSON with a line: a method of Device, its arguments, what came of it.
"""

import ctypes
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from commands.language.errors import Failed
from endpoint_shim.linux.mounts import read_mounts, seen
from endpoint_shim.linux.restrictor import LinuxRestrictor
from endpoint_shim.restrictor import Known, known

ROOT = Path(__file__).parents[3]
WAIT_S = 60.0
PLACE, STATE = Path("/place"), Path("/var/lib/fireline-endpoint")
DEVICES = (("null", 1, 3), ("zero", 1, 5), ("urandom", 1, 9), ("fuse", 10, 229))
SESSIONS = STATE / "sessions"
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")


class Device:
    """`/place` is a file system of its own, where anybody's programs may lie."""

    def __init__(self) -> None:
        for path in (STATE, SESSIONS):
            path.mkdir(mode=0o700)
        self.restrictor = LinuxRestrictor(STATE)

    def start(self) -> dict[str, object]:
        proof = self.restrictor.start(self.known())
        return {"by": proof.by, "sha256": proof.sha256, "notes": proof.notes}

    def refused(self) -> str:
        """Why it cannot be restricted."""
        try:
            return f"not refused: {self.restrictor.start(self.known())}"
        except Failed as error:
            return str(error)

    def known(self) -> Known:
        return known(SESSIONS)

    def forget_guard(self) -> None:
        """As if it had died and another had begun; its enforcer is nobody's."""
        end = self.restrictor._fanotify._end
        assert end is not None
        end.close()
        self.restrictor = LinuxRestrictor(STATE)

    def leave(self) -> None:
        """The guard ends, and another begins."""
        self.restrictor.leave()
        self.restrictor = LinuxRestrictor(STATE)

    def stop(self) -> None:
        self.restrictor.stop()

    def alive(self) -> bool:
        return self.restrictor.alive()

    def seen(self) -> list[list[str]]:
        return [[one.kind, one.text] for one in self.restrictor.seen()]

    def enforcer(self) -> int:
        """Its pid, in here."""
        assert self.restrictor._fanotify._process is not None
        return self.restrictor._fanotify._process.pid

    def time(self, argv: list[str], times: int) -> list[float]:
        """Seconds from asking for the program to its end, each time; what it writes is nobody's."""
        nobody = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
        found = []
        for _ in range(times):
            begun = time.perf_counter()
            pid = os.posix_spawn(argv[0], argv, {}, file_actions=nobody)
            os.waitpid(pid, 0)
            found.append(time.perf_counter() - begun)
        return found

    def begin(self, *argv: str) -> int:
        """A program that goes on until it is told something."""
        self.running: subprocess.Popen[str] = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.running.pid

    def tell(self, text: str) -> str:
        return self.running.communicate(text, timeout=WAIT_S)[0]

    def keep_in_memory(self, path: str) -> None:
        """For `begin_from_memory`, made while nothing forbids it."""
        self._memory = os.memfd_create("nameless")
        os.write(self._memory, Path(path).read_bytes())

    def begin_from_memory(self, *words: str) -> int:
        program = f"/proc/self/fd/{self._memory}"
        pipe = subprocess.PIPE
        self._unasked = subprocess.Popen([program, *words], pass_fds=[self._memory], stdin=pipe)
        return self._unasked.pid

    def run_deep(self, path: str, deep: int) -> list[object]:
        """A copy of the program, further down than a name is long."""
        program = Path(path).read_bytes()
        os.chdir("/place")
        try:
            for _ in range(deep):
                os.mkdir("d" * 200)
                os.chdir("d" * 200)
            with open("deep", "wb") as copy:
                copy.write(program)
            os.chmod("deep", 0o755)
            return self.run("./deep")
        finally:
            os.chdir("/")

    def install_fapolicyd(self) -> None:
        """The double, under the three names."""
        Path("/etc/fapolicyd/rules.d").mkdir(parents=True)
        text = (ROOT / "tests/endpoint_shim/linux/fapolicyd_double.py").read_text()
        for name in ("fapolicyd", "fapolicyd-cli", "fagenrules"):
            path = Path("/usr/sbin", name)
            head = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            path.write_text(head + text)
            path.chmod(0o755)

    def begin_fapolicyd(self) -> None:
        self._daemon = subprocess.Popen(["/usr/sbin/fapolicyd"])
        while not Path("/run/fapolicyd.pid").exists():
            time.sleep(0.02)

    def run_in_memory(self, path: str) -> list[object]:
        """The program's bytes, of no file that has a name."""
        handle = os.memfd_create("nameless")
        os.write(handle, Path(path).read_bytes())
        return self.run(f"/proc/self/fd/{handle}", pass_fds=[handle])

    def mount_far(self, near: str, far: str, user: int) -> None:
        """`far` by sshfs: a FUSE mount of that user, whose server is a process in here."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            one, other = ours.fileno(), theirs.fileno()
            server = subprocess.Popen(["/usr/lib/openssh/sftp-server"], stdin=one, stdout=one)
            words = ["/usr/bin/sshfs", "-f", "-o", "passive", f"far:{far}", near]
            client = subprocess.Popen(
                words, stdin=other, stdout=other, user=user, group=user, extra_groups=()
            )
        self._far = [server, client]
        until = time.monotonic() + WAIT_S
        while os.fsencode(near) not in seen(read_mounts()):
            assert time.monotonic() < until
            time.sleep(0.02)

    def signal_far(self, name: str) -> None:
        """The server behind that mount: stopped, it answers nobody."""
        self._far[0].send_signal(signal.Signals[name])

    def signal(self, name: str) -> None:
        os.kill(self.enforcer(), signal.Signals[name])

    def run(self, *argv: str, **named: Any) -> list[object]:
        """Status and output, or the error that the kernel gave."""
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=WAIT_S, check=False, **named
            )
        except OSError as error:
            return [f"errno {error.errno}", ""]
        return [done.returncode, done.stdout + done.stderr]


def _enter(folder: Path) -> None:
    """Makes the overlay the root of this process, and lets go of the machine's own."""
    machine = os.stat("/").st_dev
    _mount("tmpfs", folder)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
    _mount("overlay", folder / "root", "-o", layers)
    os.chdir(folder / "root")
    Path("place").mkdir()
    for kind, name in (("tmpfs", "dev"), ("tmpfs", "tmp"), ("tmpfs", "place"), ("proc", "proc")):
        _mount(kind, Path(name))
    os.umask(0)
    for name, major, minor in DEVICES:
        os.mknod(f"dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    os.umask(0o022)
    _run("pivot_root", ".", "mnt")
    os.chdir("/")
    _run("umount", "--lazy", "/mnt")
    devices = {mount.device for mount in read_mounts()}
    assert (os.major(machine), os.minor(machine)) not in devices, "the machine's root would be held"


def _mount(kind: str, target: Path, *words: str) -> None:
    _run("mount", "-t", kind, *words, kind, str(target))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


class Box:
    """Such a device, from outside."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [*NAMESPACES, sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def ask(self, name: str, *arguments: object, **named: object) -> Any:
        assert self._process.stdin is not None
        print(json.dumps([name, arguments, named]), file=self._process.stdin, flush=True)
        how, answer = self._answer()
        assert how == "done", answer
        return answer

    def run(self, *argv: object, **named: object) -> Any:
        """Status and output, or the error that the kernel gave."""
        return self.ask("run", *map(str, argv), **named)

    def wait_for(self, kind: str, words: str) -> str:
        """A thing seen, within WAIT_S."""
        until = time.monotonic() + WAIT_S
        seen: list[list[str]] = []
        while time.monotonic() < until:
            seen += self.ask("seen")
            for one, text in seen:
                if one == kind and words in text:
                    return str(text)
            time.sleep(0.02)
        raise AssertionError(f"no {kind} {words!r} in {seen}")

    def wait_for_another(self, enforcer: int) -> None:
        """The guard looks, as it does twice a second, until it has replaced this one."""
        until = time.monotonic() + WAIT_S
        while self.ask("alive") and self.ask("enforcer") == enforcer:
            assert time.monotonic() < until
            time.sleep(0.02)

    def until_gone(self, pid: int) -> None:
        """A process in there, reaped or not yet."""
        until = time.monotonic() + WAIT_S
        while self.run("grep", "-q", "^State:.Z", f"/proc/{pid}/status")[0] == 1:
            assert time.monotonic() < until
            time.sleep(0.02)

    def wait_until_not_alive(self) -> None:
        until = time.monotonic() + WAIT_S
        while self.ask("alive"):
            assert time.monotonic() < until
            time.sleep(0.02)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def main() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if len(sys.argv) > 1:
        _enter(Path(sys.argv[1]))
        # Anew, so that what runs is a file of the overlay too.
        os.execv(sys.executable, [sys.executable, "-m", "tests.endpoint_shim.linux.restricted"])
    device = Device()
    print(json.dumps(None), flush=True)
    for line in sys.stdin:  # its end ends this, and with it the pid namespace
        name, arguments, named = json.loads(line)
        try:
            answer = ["done", getattr(device, name)(*arguments, **named)]
        except Exception as error:  # told to the test, which fails with it
            answer = ["failed", f"{type(error).__name__}: {error}"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
