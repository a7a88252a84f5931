"""The SSH host key, as ssh-keygen sees it too."""

import subprocess
from pathlib import Path

import asyncssh
import pytest

from server.identity.host_key import (
    NAME,
    create_host_key,
    fingerprint,
    known_hosts_line,
    load_host_key,
)
from server.identity.private_files import NotPrivate


@pytest.mark.needs("ssh-keygen")
def test_the_key_is_made_once_private_and_has_openssh_s_fingerprint(tmp_path: Path) -> None:
    key = create_host_key(tmp_path)
    with pytest.raises(FileExistsError):
        create_host_key(tmp_path)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / NAME],
        check=True,
        text=True,
        capture_output=True,
        timeout=60,
    ).stdout
    assert fingerprint(load_host_key(tmp_path)) == fingerprint(key) == shown.split()[1]
    known = tmp_path / "known_hosts"
    known.write_text(known_hosts_line("127.0.0.1", 2222, key))
    found = subprocess.run(
        ["ssh-keygen", "-F", "[127.0.0.1]:2222", "-f", known],
        timeout=60,
        check=True,
        text=True,
        capture_output=True,
    ).stdout
    assert key.export_public_key("openssh").decode().split()[1] in found


def test_a_readable_or_damaged_host_key_is_refused(tmp_path: Path) -> None:
    create_host_key(tmp_path)
    (tmp_path / NAME).chmod(0o644)
    with pytest.raises(NotPrivate, match="open to others"):
        load_host_key(tmp_path)
    (tmp_path / NAME).chmod(0o600)
    (tmp_path / NAME).write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(NotPrivate, match="no private key that can be read"):
        load_host_key(tmp_path)
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / NAME).write_bytes(key.export_private_key("pkcs8-pem", passphrase="x"))
    with pytest.raises(NotPrivate, match="no private key that can be read"):
        load_host_key(tmp_path)
