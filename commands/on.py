"""`on`: one command line on a device, or on all that a selector means, as one result."""

from typing import Annotated

from commands.language.command import ANY, LINE, NAMED, ConsoleCommand
from commands.language.desk.console import Console


class On(ConsoleCommand, role=ANY, group="broker"):
    """Run one command line on a device, or on all that a selector means, and show the result.

    A selector is a name, a glob (web-*), tag:NAME, platform:linux, group:NAME (what a rule gives to
    that group of people), isolated, restricted or all; several by commas; ! takes some out:
    tag:web,!web-03. Of several devices rows come as they arrive, the device first; one that failed
    or is offline is a line of its own.

    A change to several shows them and asks for their number; -devices N says it beforehand. It goes
    in stages with -stage 1,10,all and begins no more after -stop 5% (or a count) failed, the first
    one in stages; both stand before the selector, or in the line.
    """

    selector: Annotated[str, "the device's name, or a selector of several"]
    line: Annotated[str, "the command line", LINE]
    stage: Annotated[str | None, "so many first, then so many, then all: 1,10,all", NAMED] = None
    stop: Annotated[str | None, "begin no more once so many failed: 5%, or a count", NAMED] = None

    async def run(self, console: Console) -> None:
        await console.run_on(self.selector, self.line, self.stage, self.stop)
