"""A shim that is broken on purpose: a file's name is text, and what is none is replaced."""

import sys

from commands.language import names


def _lossy(data: bytes) -> names.Name:
    return names.from_text(data.decode("utf-8", "replace"))


if __name__ == "__main__":
    vars(names)["from_bytes"] = _lossy  # before anything of the shim takes it from there
    from endpoint_shim import __main__ as shim
    from endpoint_shim import children, worker_start

    if sys.argv[1:2] == ["worker"]:
        del sys.argv[1]
        worker_start.main()
    children.WORKER = ("-I", __file__, "worker")
    shim.main()
