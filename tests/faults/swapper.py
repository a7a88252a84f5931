"""Swaps two names of a folder without pause, until it is killed: `swapper.py FOLDER A B`."""

import ctypes
import os
import sys

AT_FDCWD, RENAME_EXCHANGE = -100, 2

if __name__ == "__main__":
    libc = ctypes.CDLL(None)
    os.chdir(sys.argv[1])
    one, other = (name.encode() for name in sys.argv[2:4])
    print(flush=True)
    while True:
        libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
