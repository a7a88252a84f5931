"""Who the shim is on this device, and the environment of that user's login; nothing inherited."""

import os
import pwd
from typing import NamedTuple

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELLS = ("/bin/bash", "/bin/sh")


class Login(NamedTuple):
    """The passwd entry, as far as it is used."""

    user: str
    home: str
    shell: str


def login() -> Login:
    """The shim's own user; a system without an entry for it gets root's usual places."""
    try:
        entry = pwd.getpwuid(os.geteuid())
        found = Login(entry.pw_name, entry.pw_dir or "/", entry.pw_shell)
    except KeyError:
        found = Login("root" if os.geteuid() == 0 else str(os.geteuid()), "/", "")
    return found._replace(shell=_shell(found.shell))


def environment(who: Login, folder: bytes, **more: str) -> dict[bytes, bytes]:
    """All that a child gets."""
    words = {
        "HOME": who.home,
        "PATH": PATH,
        "USER": who.user,
        "LOGNAME": who.user,
        "SHELL": who.shell,
        "LANG": "C.UTF-8",
        **more,
    }
    return {key.encode(): os.fsencode(value) for key, value in words.items()} | {b"PWD": folder}


def argv(who: Login, line: bytes | None) -> list[bytes]:
    """How sshd starts the shell: as a login, or for one line, which needs no quoting so."""
    name = os.fsencode(os.path.basename(who.shell))
    return [b"-" + name] if line is None else [name, b"-c", line]


def _shell(named: str) -> str:
    refusing = os.path.basename(named) in ("", "nologin", "false", "true", "sync")
    for shell in SHELLS if refusing else (named, *SHELLS):
        if os.access(shell, os.X_OK):
            return shell
    return SHELLS[-1]
