"""The old scp protocol (`scp -O`): one copy on the tree that SFTP has too."""

from server.doors.client import Client, Stdin
from server.doors.scp_channel import WRONG, Over, ScpChannel
from server.doors.scp_lines import Asked
from server.doors.scp_sink import ScpSink
from server.doors.scp_source import ScpSource
from server.doors.sftp_tree import Tree


async def copy(client: Client, stdin: Stdin, tree: Tree, asked: Asked) -> int:
    """Serves it to its end; the exit status."""
    end: ScpChannel
    if asked.source:
        end = source = ScpSource(client, stdin, tree, asked)
        work = source.send_all()
    else:
        end = sink = ScpSink(client, stdin, tree, asked)
        work = sink.take_all(asked.paths[0].encode())
    try:
        await work
    except Over:
        return 1
    except WRONG as error:
        end.say(error)
    return 1 if end.errors else 0
