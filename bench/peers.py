"""What a user would pick instead: a jump host and a device, two sshds of our own on loopback.

They are children of this process in the foreground, with keys and settings of their own; the
system's sshd is neither used nor touched.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_S = 10.0
SEPARATION = Path("/run/sshd")
"""Debian's sshd wants it, and only its unit makes it."""

SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
PrintMotd no
PrintLastLog no
MaxStartups 100
Subsystem sftp internal-sftp
"""

CLIENT = """\
Host {host}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile "{folder}/user_key"
  IdentitiesOnly yes
  UserKnownHostsFile "{folder}/known_hosts"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  LogLevel ERROR
"""

MASTER = """\
  ControlMaster auto
  ControlPath {folder}/%n.sock
  ControlPersist 600
"""


@dataclass(frozen=True)
class Peers:
    """The client's configuration, with the hosts `jumped` (by the jump host) and `kept`
    (the same over a ControlMaster connection)."""

    config: Path

    def ssh(self, host: str, *words: str, terminal: bool = False) -> list[str]:
        return ["ssh", "-F", str(self.config), "-tt" if terminal else "-T", host, *words]

    def copy(self, program: str, *words: str) -> list[str]:
        return [program, "-q", "-F", str(self.config), *words]

    def close_kept(self) -> None:
        asked = ["ssh", "-F", str(self.config), "-O", "exit", "kept"]
        subprocess.run(asked, capture_output=True, check=False)


@contextlib.contextmanager
def peers(folder: Path) -> Iterator[Peers]:
    """Both sshds, until the block ends."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise SystemExit("the bench needs sshd; install it with: apt-get install openssh-server")
    if os.geteuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700)
    for key in ("host_key", "user_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(words, check=True)
    ports = free_ports(2)
    found = Peers(_client_config(folder, ports))
    running = [_started(program, folder, port) for port in ports]
    try:
        for port in ports:
            wait_for_port(port)
        yield found
    finally:
        found.close_kept()
        for process in running:
            process.terminate()
            process.wait()


def _started(program: str, folder: Path, port: int) -> "subprocess.Popen[bytes]":
    settings = folder / f"sshd_{port}.conf"
    settings.write_text(SSHD.format(port=port, folder=folder))
    with (folder / f"sshd_{port}.log").open("wb") as log:
        return subprocess.Popen(
            [program, "-D", "-e", "-f", str(settings)], stdin=subprocess.DEVNULL, stderr=log
        )


def _client_config(folder: Path, ports: list[int]) -> Path:
    words = {"user": getpass.getuser(), "folder": folder}
    jump = f"  ProxyJump {folder.name}-hop\n"
    hop, device = ports
    config = folder / "ssh_config"
    config.write_text(
        CLIENT.format(host=f"{folder.name}-hop", port=hop, **words)
        + CLIENT.format(host="jumped", port=device, **words)
        + jump
        + CLIENT.format(host="kept", port=device, **words)
        + jump
        + MASTER.format(**words)
    )
    key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    known = "".join(f"[127.0.0.1]:{port} {key}\n" for port in ports)
    (folder / "known_hosts").write_text(known)
    return config


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_port(port: int) -> None:
    """Until something listens there."""
    until = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise SystemExit(f"no sshd came up on port {port}")
        time.sleep(0.02)
