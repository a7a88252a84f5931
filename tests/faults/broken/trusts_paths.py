"""A shim that is broken on purpose: what it checked it opens again by its path."""

import os
import sys

from endpoint_shim import __main__ as shim
from endpoint_shim import children, worker_start
from endpoint_shim.linux import files, kernel, reading, writing
from endpoint_shim.linux.paths import PathPolicy, in_words


def _by_path(path: bytes, policy: PathPolicy) -> reading.Opened:
    policy.check_path(os.path.realpath(os.fsdecode(path)))
    try:
        handle = os.open(path, os.O_RDONLY)
        return reading.Opened(handle, path, path, kernel.inode(dir_fd=handle), True)
    except OSError as error:
        raise in_words(error, path) from error


def _following(path: bytes) -> tuple[int, bytes]:
    folder, name = os.path.split(path)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), name


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        vars(files)["open_plain"] = _by_path
        vars(writing)["open_folder_of"] = _following
        del sys.argv[1]
        worker_start.main()
    children.WORKER = ("-I", __file__, "worker")
    shim.main()
