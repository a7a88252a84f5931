"""A further certificate: taken for this device's key alone, whole or not at all."""

import stat
import sys
from pathlib import Path

import pytest
from cryptography import x509

from commands.language.errors import Refused
from endpoint_shim import config, identity
from tests.endpoint_shim.authority import Authority


def test_a_certificate_of_another_key_leaves_the_own_one_as_it_is(tmp_path: Path) -> None:
    authority = Authority()
    settings = config.load(authority.enrol(tmp_path / "state", "127.0.0.1:1"))
    before = settings.certificate.read_bytes()
    foreign = authority.leaf(client=True)[1].decode()
    for offered in (foreign, "no certificate"):
        with pytest.raises(Refused, match="not for this device's key"):
            identity.install(settings, offered)
        assert settings.certificate.read_bytes() == before
    assert not list(settings.state.glob("*.offered")) + list(settings.state.glob("*.new"))


def test_one_of_the_own_key_takes_the_place_of_the_last(tmp_path: Path) -> None:
    authority = Authority()
    settings = config.load(authority.enrol(tmp_path / "state", "127.0.0.1:1"))
    offered = settings.certificate.read_text() + "\n"
    identity.install(settings, offered)
    assert settings.certificate.read_text() == offered
    if sys.platform != "win32":
        assert stat.S_IMODE(settings.certificate.stat().st_mode) == 0o600
    config.load(settings.state)


def test_a_request_again_is_signed_with_the_key_that_is_there(tmp_path: Path) -> None:
    settings = config.load(Authority().enrol(tmp_path / "state", "127.0.0.1:1"))
    request = x509.load_pem_x509_csr(identity.request_again(settings).encode())
    own = x509.load_pem_x509_certificate(settings.certificate.read_bytes())
    assert request.is_signature_valid and request.public_key() == own.public_key()
