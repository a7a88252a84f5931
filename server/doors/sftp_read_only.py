"""An open file of the tree that is only read: whatever would change it is refused in a sentence."""

from abc import ABC, abstractmethod

from commands.language.errors import Refused
from server.doors import sftp_answers as answers


class ReadOnly(ABC):
    """The writing half of an `OpenFile`."""

    async def write(self, offset: int, data: bytes) -> None:
        raise Refused("the file is open for reading")

    async def set(self, facts: answers.Facts) -> None:
        raise Refused("the file is open for reading; its mode and times stay as they are")

    async def sync(self) -> None:
        return  # nothing of it waits to be durable

    @abstractmethod
    async def close(self) -> None: ...

    async def drop(self) -> None:
        await self.close()
