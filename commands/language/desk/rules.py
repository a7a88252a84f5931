"""The access rules, asked aloud."""

from typing import Protocol


class Rules(Protocol):
    """Why a person may or may not."""

    async def explain(self, command: str, device: str | None) -> list[str]:
        """The rule that decides for this person, with its file and line, and what would help."""
        ...

    async def help(self, word: str | None) -> list[str]:
        """Help over all words, for one as it stands for this person and device, or for a script."""
        ...
