"""`verify`: whether a session's record is whole and unchanged."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import AUDITOR, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import Failed
from commands.language.items import Into, Item


class Verify(DeskCommand, role=AUDITOR, group="broker", text=True, verdict=True, limit=None):
    """Check a session's records, recording, results and evidence against their chains.

    `verify broker` checks the broker's own journal. What is changed, missing, reordered or cut is
    named by its number. A package has its device's own signature as well: docs/collect.md says how
    ssh-keygen checks it with /packages/allowed_signers.
    """

    session: Annotated[str, "session, as `sessions` lists it, or broker"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        verdict = await desk.records.verify(self.session)
        first, *rest = verdict.lines or [""]
        if not verdict.ok:
            yield Into("text")
            yield "".join(f"{line}\n" for line in rest).encode()
            raise Failed(first)
        yield Into("text")
        yield "".join(f"{line}\n" for line in verdict.lines).encode()
