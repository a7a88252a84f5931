"""What the broker keeps and counts for one person: settings, and limits with what is used."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Integer, Row


class SettingRow(Row):
    """One setting of a person's console."""

    name: Annotated[str, Column(1, identity=True)]
    value: Annotated[str, Column(1)]
    takes: Annotated[str, Column(3, elastic=True)] = ""
    meaning: Annotated[str, Column(4)] = ""


class QuotaRow(Row):
    """One limit; `setting` is its name in the broker's fireline.toml."""

    limit: Annotated[str, Column(1, identity=True)]
    used: Annotated[Integer | None, Column(1, size=True)] = None
    allowed: Annotated[Integer | None, Column(1, size=True)] = None
    unit: Annotated[str, Column(2)] = ""
    setting: Annotated[str, Column(3)] = ""


class Person(Protocol):
    """The person's own."""

    def limit(self, name: str) -> int:
        """One of the broker's limits, by its setting's name."""
        ...

    def settings(self) -> list[SettingRow]: ...

    async def set(self, name: str, value: str) -> SettingRow:
        """Keeps a setting for the person, on every console from now on."""
        ...

    def quota(self) -> AsyncIterator[QuotaRow]:
        """Every limit of section 14, and how much of it is used now."""
        ...
