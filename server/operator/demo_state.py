"""The demo's state folder: a broker, three people with keys, and an ssh_config for them."""

import getpass
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from commands.language.errors import Failed
from server.config import load
from server.identity.host_key import known_hosts_line, load_host_key
from server.identity.private_files import private_folder, replace_private
from server.operator.init import SETTINGS, make_state

PEOPLE = {"fireline": "alice", "fireline-basic": "bob", "fireline-auditor": "carol"}
DEVICE = "fireline-device"
"""The host that is this machine's own device, by alice's key."""

RULES = """\
# The demo's rules: three people, this machine and whatever else enrols.
people:
  alice:
    keys: ["{alice}"]
    # The account that runs the demo may use the operators' program.
    accounts: []
  bob:
    keys: ["{bob}"]
  carol:
    keys: ["{carol}"]
  operator:
    accounts: [{account}]
rules:
  - name: demo-advanced
    people: [alice]
    role: advanced
    devices: all
    rights: {{library: write, tags: write, approve: allow}}
    # What a second person has to approve (bob may): second_person: [isolate, collect]
  - name: demo-basic
    people: [bob]
    role: basic
    devices: all
    rights: {{approve: allow}}
  - name: demo-auditor
    people: [carol]
    role: auditor
    devices: all
  - name: demo-operator
    people: [operator]
    role: operator
    devices: all
"""

HOST = """\
Host {host}
  HostName 127.0.0.1
  Port {port}
  User {person}
  IdentityFile "{key}"
  IdentitiesOnly yes
  UserKnownHostsFile "{known}"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  SendEnv NO_COLOR FIRELINE_COMMENT
"""

NEEDED = {"ssh": "openssh-client", "ssh-keygen": "openssh-client"}


def need_programs() -> None:
    """Names what is missing with the command that installs it."""
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted(set(missing)))
        raise Failed(f"the demo needs ssh; install it with: apt-get install {packages}")


def prepare(state: Path, device_host: str = "127.0.0.1", device: str = "") -> list[str]:
    """Makes or mends the demo's state; sentences about ports that had to change."""
    need_programs()
    broker = state / "broker"
    if not (broker / "fireline.toml").exists():
        private_folder(state)
        keys = {person: _key(state, person) for person in PEOPLE.values()}
        rules = RULES.format(account=getpass.getuser(), **keys)
        make_state(
            broker,
            host="127.0.0.1",
            ssh=0,
            devices=0,
            enrolment=0,
            names=[device_host],
            rules=rules,
            device_host=device_host,
        )
        wanted = (2222, 8443, 8444)
    else:
        wanted = _ports(broker)
    said = _settle_ports(broker, wanted, device_host)
    _write_ssh_config(state, device or device_name())
    return said


def _ports(broker: Path) -> tuple[int, int, int]:
    config = load(broker)
    return config.ssh_port, config.device_port, config.enrolment_port


def _settle_ports(broker: Path, wanted: tuple[int, int, int], device_host: str) -> list[str]:
    """Writes ports that are free now; says which were taken."""
    picked: list[int] = []
    said: list[str] = []
    for port in wanted:
        free = port if port not in picked and _is_free(port) else _free_port(picked)
        if free != port:
            said.append(f"port {port} is taken; {free} is used instead")
        picked.append(free)
    ssh, devices, enrolment = picked
    as_it_is = load(broker).device_host == device_host
    if as_it_is and _ports(broker) == (ssh, devices, enrolment):
        return said  # what somebody added to the settings stays
    settings = SETTINGS.format(
        host="127.0.0.1",
        device_host=device_host,
        ssh=ssh,
        devices=devices,
        enrolment=enrolment,
        names=f'"{device_host}"',
    )
    replace_private(broker / "fireline.toml", settings.encode("utf-8"))
    return said


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return port != 0


def _free_port(picked: list[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in picked:
            return port


def _key(state: Path, person: str) -> str:
    """A key pair by ssh-keygen; the public half as one line."""
    path = state / f"{person}_ed25519"
    if not path.exists():
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(path)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    return path.with_name(path.name + ".pub").read_text("ascii").strip()


def _write_ssh_config(state: Path, device: str) -> None:
    config = load(state / "broker")
    known = state / "known_hosts"
    line = known_hosts_line("127.0.0.1", config.ssh_port, load_host_key(state / "broker"))
    replace_private(known, f"{line.strip()}\n".encode())
    people = {**PEOPLE, DEVICE: f"alice~{device}"}
    blocks = [
        HOST.format(
            host=host,
            port=config.ssh_port,
            person=person,
            key=(state / f"{person.partition('~')[0]}_ed25519").resolve(),
            known=known.resolve(),
        )
        for host, person in people.items()
    ]
    replace_private(state / "ssh_config", "\n".join(blocks).encode("utf-8"))


def device_name() -> str:
    """This machine's name as a device's: other characters become a dash."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", os.uname().nodename)[:63].lstrip("._-")
    return name or "localhost"
