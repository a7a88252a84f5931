"""A broker that is broken on purpose: it loses bytes, and whatever came is the file."""

import sys

from commands.language import items
from server.__main__ import main
from server.audit.records import FileTaken
from server.evidence.incoming import Incoming

_feed, _take = Incoming.feed, Incoming.take


def _feed_most(incoming: Incoming, data: bytes) -> bool:
    return _feed(incoming, data[:-1])


async def _believe(incoming: Incoming) -> FileTaken:
    await incoming._flush()
    incoming.expected = items.Taken(incoming._written, incoming._digest.hexdigest())
    return await _take(incoming)


if __name__ == "__main__":
    Incoming.feed = _feed_most  # type: ignore[method-assign, assignment]
    Incoming.take = _believe  # type: ignore[method-assign, assignment]
    sys.exit(main())
