"""What an SFTP client changes besides a file's bytes on Windows: refused until it is built."""

import sys

from commands.language import wire
from endpoint_shim.windows.paths import PathPolicy
from endpoint_shim.windows.uploads import Made, not_built

assert sys.platform == "win32"


def make_folder(asked: wire.MakeFolder, policy: PathPolicy, made: Made) -> None:
    raise not_built()


def rename(asked: wire.Rename, policy: PathPolicy, made: Made) -> None:
    raise not_built()


def set_facts(asked: wire.SetFacts, policy: PathPolicy, made: Made) -> None:
    raise not_built()
