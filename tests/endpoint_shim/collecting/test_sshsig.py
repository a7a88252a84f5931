"""The device's signature, checked by the real ssh-keygen."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from commands.language.errors import Failed
from endpoint_shim.collecting import sshsig
from endpoint_shim.identity import make_request

pytestmark = pytest.mark.needs("ssh-keygen")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(make_request("web-01")[0])
    return path


def verified(key: Path, signature: bytes, message: bytes, namespace: str) -> int:
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    signers, signed = key.with_name("signers"), key.with_name("sig")
    signers.write_bytes(b'web-01 namespaces="' + sshsig.NAMESPACE.encode() + b'" ' + public + b"\n")
    signed.write_bytes(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "web-01", "-n", namespace]
    return subprocess.run(
        [*words, "-s", str(signed)], input=message, capture_output=True
    ).returncode


def test_ssh_keygen_takes_it_for_its_message_and_namespace_alone(key: Path) -> None:
    # Half of all numbers need a zero before them, so a few are tried.
    for number in range(8):
        message = b"line %d\n" % number
        signature = sshsig.sign(key, message)
        assert verified(key, signature, message, sshsig.NAMESPACE) == 0
        assert verified(key, signature, message + b"x", sshsig.NAMESPACE) != 0
        assert verified(key, signature, message, "file") != 0


def test_a_key_of_another_kind_is_named(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    path = tmp_path / "key.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(Failed, match="is no key of a device"):
        sshsig.sign(path, b"x")
