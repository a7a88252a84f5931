"""The range's device, from inside of its namespaces: the first process of all that runs there.

1. Its root is an overlay over this machine's, on memory of its own: what is restricted, changed or
   removed there is nothing of this machine's. It runs only where that is really so.
2. It enrols, starts an "attacker's" shell that connects outside, then the shim, and the shim again
   whenever it ends, as a service manager would.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE = Path("/var/lib/fireline-endpoint")
AGAIN_S = 1.0
MOUNTS = (
    ("tmpfs", "tmp", "mode=1777"),
    ("tmpfs", "run", "mode=755"),
    ("tmpfs", "var/lib", "mode=755"),
    ("proc", "proc", ""),
    ("sysfs", "sys", ""),
    ("cgroup2", "sys/fs/cgroup", ""),
)
KEPT = ("dpkg", "clamav")
"""Of the machine's var/lib, read by the device: what its packages are, its signatures."""
SIGNATURES = Path("/var/lib/clamav")
HARMLESS = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
"""The file that every engine finds by agreement (EICAR), in halves: this one is none."""


def main() -> None:
    """`FOLDER ATTACKER PORT`; the enrolment token on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("attacker")
    parser.add_argument("port", type=int)
    asked = parser.parse_args()
    token = sys.stdin.buffer.read()
    if os.getpid() != 1:
        sys.exit("the range's device runs in a pid namespace of its own; make demo-range starts it")
    _enter(asked.folder)
    _something_to_find()
    STATE.mkdir(mode=0o700)
    enrol = [*_shim("enroll"), "--name", "range"]
    subprocess.run(enrol, input=token, check=True)
    attack = ["-I", "-m", "server.operator.range_attack", asked.attacker, str(asked.port)]
    subprocess.Popen([sys.executable, *attack], stdin=subprocess.DEVNULL)
    _stay()


def _something_to_find() -> None:
    """A file for `scan`, and where this machine has no signatures one that finds it."""
    content = "".join(HARMLESS).encode("ascii")
    Path("/root/eicar.com").write_bytes(content)
    SIGNATURES.mkdir(exist_ok=True)
    if not any(SIGNATURES.glob("*.c[vl]d")):
        known = f"{hashlib.sha256(content).hexdigest()}:{len(content)}:Eicar-Test-File\n"
        (SIGNATURES / "range.hsb").write_text(known, "ascii")


def _stay() -> None:
    """Starts the shim, reaps whatever ends, starts it again; until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shim = subprocess.Popen(_shim("run"), stdin=subprocess.DEVNULL).pid
    while True:
        ended, _ = os.wait()
        if ended == shim:
            time.sleep(AGAIN_S)
            shim = subprocess.Popen(_shim("run"), stdin=subprocess.DEVNULL).pid


def _shim(word: str) -> list[str]:
    return [sys.executable, "-I", "-m", "endpoint_shim", word, "--state", str(STATE)]


def _enter(folder: Path) -> None:
    """Makes the overlay this process's root, and lets go of the machine's own."""
    machine = os.stat("/").st_dev
    _run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(folder))
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
    _run("mount", "-t", "overlay", "-o", layers, "overlay", str(folder / "root"))
    os.chdir(folder / "root")
    kept = [(name, Path("var/lib") / name) for name in KEPT if (Path("var/lib") / name).is_dir()]
    for name, _ in kept:
        _run("cp", "-a", f"var/lib/{name}", f"opt/{name}")
    for kind, name, options in MOUNTS:
        _run("mount", "-t", kind, *(["-o", options] if options else []), kind, name)
    for name, place in kept:
        _run("mv", f"opt/{name}", str(place))
    _run("mount", "--rbind", "/dev", "dev")
    # This machine's own would be restricted with the device, for everybody.
    _run("mount", "-t", "tmpfs", "tmpfs", "dev/shm")
    _run("pivot_root", ".", "mnt")
    os.chdir("/")
    _run("umount", "--lazy", "/mnt")
    if os.stat("/").st_dev == machine:
        sys.exit("the range's device would have this machine's own root; it was not started")


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main()
