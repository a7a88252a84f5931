"""The certificate reader against bytes that are none."""

import subprocess
from pathlib import Path

import pytest

from server.identity.certificates import BadCertificate, is_certificate, read_certificate
from tests.doors.rig import make_key
from tests.identity.ssh_certificates import blob_of


@pytest.fixture
def blob(tmp_path: Path) -> bytes:
    """A good certificate, by ssh-keygen."""
    for name in ("ca", "mine"):
        make_key(tmp_path, name)
    options = ["-n", "alice", "-z", "7", "-O", "source-address=127.0.0.1"]
    made = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "who", *options]
    subprocess.run([*made, str(tmp_path / "mine.pub")], check=True)
    return blob_of(tmp_path / "mine-cert.pub")


def test_a_certificate_says_what_ssh_keygen_put_in(blob: bytes) -> None:
    found = read_certificate(blob)
    assert (found.serial, found.key_id, found.principals) == (7, "who", ("alice",))
    assert found.critical == {"source-address": "127.0.0.1"} and "permit-pty" in found.extensions


def test_a_certificate_cut_anywhere_is_refused(blob: bytes) -> None:
    for length in range(len(blob)):
        with pytest.raises(BadCertificate):
            read_certificate(blob[:length])


def test_a_certificate_with_any_byte_changed_is_refused(blob: bytes) -> None:
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 0x41
        with pytest.raises(BadCertificate):
            read_certificate(bytes(changed))


def test_bytes_behind_a_certificate_are_refused(blob: bytes) -> None:
    with pytest.raises(BadCertificate):
        read_certificate(blob + b"\0")


def test_plain_keys_are_no_certificates(blob: bytes) -> None:
    assert is_certificate(blob)
    assert not is_certificate(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32))
    assert not is_certificate(b"")
