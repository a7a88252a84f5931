"""The login shell on Linux without a terminal, as sshd starts it."""

import signal
import subprocess
import sys

from commands.language.host.terminal import Terminal
from endpoint_shim.groups import Group
from endpoint_shim.linux.child import Child, forget_ignored_signals
from endpoint_shim.linux.login import Login, argv, environment
from endpoint_shim.linux.output import Output, taken
from endpoint_shim.terminal.plain import PlainShell
from endpoint_shim.terminal.posix_input import TypedLines

assert sys.platform != "win32"


def plain_shell(who: Login, folder: bytes, group: Group, line: bytes | None = None) -> Terminal:
    """For a line, or to read them."""
    forget_ignored_signals()
    with group.inside():
        process = subprocess.Popen(
            argv(who, line),
            executable=who.shell,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(who, folder, TERM="dumb"),
            start_new_session=True,
            umask=0o022,
        )
    group.add(process.pid)
    child = Child(process.pid, process.poll)
    typed, out, err = taken(process.stdin, process.stdout, process.stderr)

    def hung_up() -> None:
        if not child.exited.done():
            group.signal(signal.SIGHUP)

    output = Output(child, out, err)
    return PlainShell(child, TypedLines(typed), output, child.signal_group, hung_up)
