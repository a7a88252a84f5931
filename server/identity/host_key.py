"""The broker's SSH host key: made once, kept private, known by its fingerprint."""

from pathlib import Path

import asyncssh

from server.identity.private_files import NotPrivate, read_private, write_private

NAME = "ssh_host_ed25519_key"


def create_host_key(folder: Path) -> asyncssh.SSHKey:
    """A new ed25519 key in `folder`; FileExistsError where there is one already."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="fireline")
    write_private(folder / NAME, key.export_private_key("openssh"))
    return key


def load_host_key(folder: Path) -> asyncssh.SSHKey:
    """The key of `folder`; refused when others can read it."""
    data = read_private(folder / NAME)
    try:
        return asyncssh.import_private_key(data)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise NotPrivate(f"{NAME} holds no private key that can be read; restore it") from None


def fingerprint(key: asyncssh.SSHKey) -> str:
    """`SHA256:…`, as ssh shows it at the first connection."""
    return str(key.get_fingerprint("sha256"))


def known_hosts_line(host: str, port: int, key: asyncssh.SSHKey) -> str:
    """The line for a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    public = key.export_public_key("openssh").decode("ascii").split()
    return f"[{host}]:{port} {public[0]} {public[1]}\n"
