"""The socket list of a Linux device, in every network namespace that some process is in."""

import os
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing

from commands.language.host.connections import ConnectionRow
from commands.language.names import Name, from_bytes
from endpoint_shim.batches import in_batches
from endpoint_shim.linux import proc
from endpoint_shim.linux.processes import CUT, whole_name
from endpoint_shim.linux.sockets import Socket, sockets_of

TRIED = 8
"""So many processes of a namespace are asked, should one end while it is asked."""
_NO_PROCESS = "no process has it any more; the kernel closes it"
_NOT_FOUND = "its process was not found: it ended meanwhile, or cannot be seen"


class LinuxConnections:
    """TCP and UDP, IPv4 and IPv6."""

    async def list(self) -> AsyncIterator[ConnectionRow | str]:
        async with aclosing(in_batches(_found())) as found:
            async for one in found:
                yield one


def _found() -> Generator[ConnectionRow | str, None, None]:
    spaces = _namespaces()
    tables = [(space, *_table(pids)) for space, pids in sorted(spaces.items())]
    # Owners after the sockets: what ends in between has a socket without an owner, not none.
    owners, unseen = _owners()
    names: dict[int, Name] = {}
    for space, sockets, error in tables:
        for one in sockets:
            yield _row(one, space, owners, names)
        if error:
            yield error
    if unseen:
        yield f"the sockets of {unseen} processes have no process in this list: they refuse a look"


def _namespaces() -> dict[str, list[int]]:
    """Network namespace -> processes in it."""
    spaces: dict[str, list[int]] = {}
    for pid in proc.pids():
        try:
            space = os.readlink(f"/proc/{pid}/ns/net")
        except OSError:
            continue  # it ended, or refuses; others of its namespace tell
        spaces.setdefault(space, []).append(pid)
    return spaces


def _table(pids: list[int]) -> tuple[list[Socket], str]:
    reason = ""
    for pid in pids[:TRIED]:
        try:
            return list(sockets_of(pid)), ""
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
    return [], f"the sockets of process {pids[0]}'s network namespace were not read: {reason}"


def _owners() -> tuple[dict[int, int], int]:
    """Socket -> the first process that has it open, and how many processes refuse to say."""
    owners: dict[int, int] = {}
    unseen = 0
    for pid in proc.pids():
        try:
            for socket in proc.sockets(pid):
                owners.setdefault(socket, pid)
        except PermissionError:
            unseen += 1
        except OSError:
            continue
    return owners, unseen


def _row(one: Socket, space: str, owners: dict[int, int], names: dict[int, Name]) -> ConnectionRow:
    pid = owners.get(one.inode)
    if pid is not None and pid not in names:
        names[pid] = _name(pid)
    row = ConnectionRow(
        process=names[pid] if pid is not None else None,
        pid=pid,
        protocol=one.protocol,
        local_ip=one.local[0],
        local_port=one.local[1],
        status=one.status,
        namespace=space,
    )
    if one.remote is not None:
        row.remote_ip, row.remote_port = one.remote
    if pid is None:
        row.error = _NOT_FOUND if one.inode else _NO_PROCESS
    return row


def _name(pid: int) -> Name:
    try:
        comm = proc.stat(pid).comm
        if len(comm) < CUT:
            return from_bytes(comm)
        return from_bytes(whole_name(comm, [proc.program(pid)[0], *proc.command_line(pid)[0][:2]]))
    except (OSError, IndexError, ValueError):
        return Name("")
