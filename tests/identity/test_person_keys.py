"""Public key lines, as ssh-keygen makes them, and everything that is none."""

import base64
import subprocess
from pathlib import Path

import asyncssh
import pytest

from server.identity.person_keys import BadKey, read_key


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("kind", [("ed25519", None), ("ecdsa", "384"), ("rsa", "3072")])
def test_a_key_of_ssh_keygen_is_taken_with_its_fingerprint(
    tmp_path: Path, kind: tuple[str, str | None]
) -> None:
    bits = ["-b", kind[1]] if kind[1] else []
    file = tmp_path / "id"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind[0], *bits, "-N", "", "-C", "a b", "-f", file],
        check=True,
        timeout=60,
    )
    shown = subprocess.run(
        ["ssh-keygen", "-lf", f"{file}.pub"], check=True, text=True, capture_output=True, timeout=60
    ).stdout
    key = read_key(file.with_suffix(".pub").read_text())
    assert key.fingerprint == shown.split()[1]
    assert key.comment == "a b"
    assert len(key.text.split()) == 2


def test_a_security_key_is_taken() -> None:
    blob = b"".join(
        len(p).to_bytes(4, "big") + p
        for p in (b"sk-ssh-ed25519@openssh.com", bytes(range(32)), b"ssh:")
    )
    line = f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()} yubi"
    assert read_key(line).text == line.removesuffix(" yubi")


def test_a_certificate_is_refused_in_one_sentence(public_keys: list[str]) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    subject = asyncssh.import_public_key(public_keys[0])
    certificate = authority.generate_user_certificate(subject, "alice", principals=["alice"])
    line = certificate.export_certificate("openssh").decode()
    with pytest.raises(BadKey, match="this is a certificate; give the plain key"):
        read_key(line)


def test_options_and_authorities_before_a_key_are_refused(public_keys: list[str]) -> None:
    for option in (
        "cert-authority",
        'cert-authority,principals="alice"',
        "no-pty",
        'from="*"',
        'command="sh"',
    ):
        with pytest.raises(BadKey):
            read_key(f"{option} {public_keys[0]}")


def test_damaged_foreign_or_short_keys_are_refused(public_keys: list[str]) -> None:
    kind, body, _ = public_keys[0].split()
    blob = base64.b64decode(body)
    short = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    for line, why in (
        ("", "one line"),
        (kind, "one line"),
        (f"{kind} {body}\n{kind} {body}", "one line"),
        (f"{kind} {body[:-8]}", "damaged"),
        (f"{kind} !{body}", "damaged"),
        (f"{kind} {'A' * 9000}", "one line"),
        (f"ssh-dss {body}", "no key type"),
        (f"ecdsa-sha2-nistp256 {body}", "damaged|something else"),
        (f"{kind} {base64.b64encode(blob + b'x').decode()}", "damaged|something else"),
        (short.export_public_key("openssh").decode(), "2048 bits is too short"),
    ):
        with pytest.raises(BadKey, match=why):
            read_key(line)
