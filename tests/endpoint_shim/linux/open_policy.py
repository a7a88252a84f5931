"""A device whose policy forbids nothing, or the paths that are named."""

import os

from commands.language.errors import Refused


class OpenPolicy:
    def __init__(self, *off_limits: str) -> None:
        self._off_limits = off_limits

    def check_path(self, path: str) -> None:
        for limit in self._off_limits:
            if path == limit or path.startswith(limit + os.sep):
                raise Refused(f"{path} by its own policy (policy.toml line 1)")

    def check_written(self, path: str) -> None:
        self.check_path(path)

    def check_open(self, path: str, device: int, number: int) -> None:
        """It has no own files."""

    def check_made(self, path: str, device: int, number: int) -> None:
        """It has no own files."""
