"""Tells whoever is signed in on this Linux device: on their terminals, and on their desktops."""

import os
import pwd
import subprocess
from pathlib import Path

from endpoint_shim.linux.spawn import ENVIRONMENT

WALL = "/usr/bin/wall"
NOTIFY, RUNUSER = "/usr/bin/notify-send", "/usr/sbin/runuser"
RUN = Path("/run/user")
LIMIT_S = 5.0
MAX_DESKTOPS = 20


def show(text: str) -> None:
    """As far as it can be done here; a person who cannot be told changes nothing."""
    if os.access(WALL, os.X_OK):
        _run([WALL], text + "\n")
    if not (os.access(NOTIFY, os.X_OK) and os.access(RUNUSER, os.X_OK)):
        return
    for bus in sorted(RUN.glob("*/bus"))[:MAX_DESKTOPS]:
        try:
            name = pwd.getpwuid(bus.lstat().st_uid).pw_name
        except (OSError, KeyError):
            continue
        words = [RUNUSER, "-u", name, "--", NOTIFY, "--urgency=critical", "--", "Fireline", text]
        _run(words, "", {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}"})


def _run(words: list[str], given: str, more: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(
            words,
            input=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**ENVIRONMENT, **(more or {})},
            cwd="/",
            timeout=LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
