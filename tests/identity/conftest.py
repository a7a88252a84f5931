"""Real keys and small access files for the identity room's tests."""

from collections.abc import Callable

import asyncssh
import pytest

from server.identity.access_file import parse_access_file
from server.identity.rules import Rules
from tests.identity.certificates import Authority

WORDS = {
    word: word
    for word in (
        "dir",
        "cat",
        "processes",
        "getfile",
        "putfile",
        "run",
        "shell",
        "exec",
        "library",
        "replay",
        "revoke",
        "help",
        "connect",
    )
} | {"ps": "processes", "get": "getfile"}


@pytest.fixture(scope="session")
def public_keys() -> list[str]:
    """Three plain public key lines, made for this run."""
    keys = [asyncssh.generate_private_key("ssh-ed25519", comment=f"k{i}") for i in range(3)]
    return [key.export_public_key("openssh").decode().strip() for key in keys]


@pytest.fixture(scope="session")
def rules_of() -> Callable[[str], Rules]:
    """Parses an access file's text."""
    return lambda text: parse_access_file("access.yaml", text.encode(), WORDS)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A device CA whose key the test holds too."""
    return Authority(tmp_path_factory.mktemp("authority"))
