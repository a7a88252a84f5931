"""User certificates that ssh-keygen does not make, and a client that offers them all the same."""

from pathlib import Path

import asyncssh
from asyncssh.packet import SSHPacket, String


class Offered(asyncssh.SSHKeyPair):
    """A key pair that shows any blob as its certificate, and signs with the key."""

    _key_type = "local"

    def __init__(self, blob: bytes, key: asyncssh.SSHKey) -> None:
        name = SSHPacket(blob).get_string()
        plain = key.get_algorithm().encode()
        super().__init__(name, plain, [plain], [name], blob, None)
        self._key = key

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, self._key.get_algorithm().encode())


def blob_of(path: Path) -> bytes:
    """The certificate of a -cert.pub file."""
    return asyncssh.read_certificate(path).public_data


def resigned(blob: bytes, signer: asyncssh.SSHKey, shown: bytes, algorithm: str) -> bytes:
    """The certificate with another signer, who shows himself as `shown`."""
    packet = SSHPacket(blob)
    packet.get_string()
    packet.get_string()
    packet.get_string()  # an ed25519 key is one string
    packet.get_uint64()
    packet.get_uint32()
    packet.get_string()
    packet.get_string()
    packet.get_uint64()
    packet.get_uint64()
    for _ in range(3):
        packet.get_string()
    signed = packet.get_consumed_payload() + String(shown)
    return signed + String(signer.sign(signed, algorithm.encode()))
