"""Files that an SFTP client writes on a Windows device: refused until its writer is built."""

import sys

from commands.language import wire
from commands.language.errors import Refused
from endpoint_shim.windows.paths import PathPolicy

assert sys.platform == "win32"


class Made:
    """What this stream made."""


class Upload:
    """A file open for writing."""

    replaces = False
    sha256 = ""

    def is_at(self, path: str) -> bool:
        return False

    def write(self, offset: int, data: bytes) -> None: ...

    def read(self, offset: int, length: int) -> bytes:
        return b""

    def sync(self) -> None: ...
    def set(self, asked: wire.SetFacts) -> None: ...

    def facts(self) -> wire.FileFacts:
        return wire.FileFacts(name="", mode=0)

    def finish(self, made: Made) -> None: ...
    def close(self) -> None: ...


def open_to_write(asked: wire.OpenWrite, policy: PathPolicy, made: Made) -> Upload:
    raise not_built()


def not_built() -> Refused:
    return Refused("writing by SFTP on Windows devices is not built yet")
