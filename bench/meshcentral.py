"""MeshCentral from npm as a peer: a server of the bench's own on loopback, this machine its device.

It is installed once into the user's cache, with no scripts of its packages run. Server and agent
are children of this process and end with the block.
"""

import contextlib
import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.mesh_client import HOST, Control, Place
from bench.peers import free_ports

VERSION = "1.1.55"
AGENT = "meshagent_x86-64"
START_S = 120.0


class MissingPeer(Exception):
    """MeshCentral cannot run here; the message says why."""


def installed() -> Path:
    """Its folder in the cache; raises MissingPeer."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingPeer("MeshCentral was not measured: node and npm are missing")
    if platform.machine() != "x86_64":
        raise MissingPeer("MeshCentral was not measured: the bench knows its x86-64 agent only")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    place = cache / "fireline" / f"meshcentral-{VERSION}"
    if not (place / "node_modules" / "meshcentral").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        wanted = {"name": "bench", "private": True, "dependencies": {"meshcentral": VERSION}}
        (place / "package.json").write_text(json.dumps(wanted))
        words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(words, cwd=place, capture_output=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(place)
            raise MissingPeer(f"MeshCentral was not measured: npm ended with {done.returncode}")
    return place / "node_modules" / "meshcentral"


@contextlib.contextmanager
def meshcentral(program: Path, folder: Path, *, recorded: bool) -> Iterator[Place]:
    """A server with one person and one device, until the block ends."""
    folder.mkdir(mode=0o700)
    port, redirect = free_ports(2)
    _configure(folder, port, redirect, recorded)
    place = Place(port, folder / "root-cert-public.crt", "admin", secrets.token_urlsafe(18))
    words = ["node", str(program), "--datapath", str(folder)]
    _told([*words, "--createaccount", place.person, "--pass", place.password])
    _told([*words, "--adminaccount", place.person])
    with _running(words, folder, folder / "server.log") as server:
        _answers(place, server)
        group = _group(place)
        with _agent(program, place, folder, group):
            yield Place(port, place.authority, place.person, place.password, _device(place))


def _configure(folder: Path, port: int, redirect: int, recorded: bool) -> None:
    settings = {
        "cert": HOST, "port": port, "aliasPort": port, "portBind": HOST,
        "redirPort": redirect, "redirPortBind": HOST, "mpsPort": 0, "WANonly": True,
        "exactPorts": True, "selfUpdate": False, "agentTimeStampServer": False,
        "recordpath": str(folder / "recordings"), "filespath": str(folder / "files"),
    }  # fmt: skip
    domain: dict[str, object] = {"title": "bench"}
    if recorded:
        domain["sessionRecording"] = {
            "filepath": str(folder / "recordings"),
            "protocols": [1, 2, 5],
        }
    whole = {"settings": settings, "domains": {"": domain}}
    (folder / "config.json").write_text(json.dumps(whole))


def _told(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, check=False, timeout=START_S)
    if b"Done" not in done.stdout:
        raise MissingPeer("MeshCentral was not measured: it did not make its account")


@contextlib.contextmanager
def _running(words: list[str], folder: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A program and all that it starts, until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(place: Place, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), Control(place):
            return
        time.sleep(0.2)
    raise MissingPeer("MeshCentral was not measured: its server did not come up")


def _group(place: Place) -> str:
    with Control(place) as control:
        made = control.ask("createmesh", meshname="bench", meshtype=2)
    return str(made["meshid"])


@contextlib.contextmanager
def _agent(program: Path, place: Place, folder: Path, group: str) -> Iterator[None]:
    home = folder / "agent"
    home.mkdir()
    agent = home / "meshagent"
    shutil.copy(program / "agents" / AGENT, agent)
    agent.chmod(0o700)
    url = f"https://{HOST}:{place.port}/meshsettings?id={group.split('//')[1]}"
    with urllib.request.urlopen(url, context=place.tls, timeout=30) as answer:
        (home / "meshagent.msh").write_bytes(answer.read())
    with _running([str(agent)], home, home / "agent.log"):
        yield


def _device(place: Place) -> str:
    """The one device's id, once it is connected."""
    until = time.monotonic() + START_S
    with Control(place) as control:
        while time.monotonic() < until:
            nodes = control.ask("nodes")["nodes"]
            for node in (one for group in nodes.values() for one in group):
                if node.get("conn", 0) & 1:
                    return str(node["_id"])
            time.sleep(0.5)
    raise MissingPeer("MeshCentral was not measured: its agent did not connect")
