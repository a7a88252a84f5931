"""Reading a leaf: only a device's own form is a device."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.identity.leaf import NotADevice, device_id_of
from tests.identity.certificates import Authority

CLIENT = [ExtendedKeyUsageOID.CLIENT_AUTH]
URI = x509.UniformResourceIdentifier


def der(authority: Authority, names: list[x509.GeneralName] | None, **how: object) -> bytes:
    leaf = authority.leaf(names, **how)  # type: ignore[arg-type]
    return leaf.certificate.public_bytes(serialization.Encoding.DER)


def test_a_device_s_certificate_gives_its_id(authority: Authority) -> None:
    assert device_id_of(der(authority, [URI("fireline:device:d-1")])) == "d-1"


@pytest.mark.parametrize(
    "names",
    [
        None,
        [x509.DNSName("d-1")],
        [x509.RFC822Name("alice@example.org")],
        [URI("fireline:person:alice")],
        [URI("fireline:device:")],
        [URI("fireline:device:a/b")],
        [URI("FIRELINE:device:d-1")],
        [URI("https://x/fireline:device:d-1")],
        [URI("fireline:device:d-1"), URI("fireline:device:d-2")],
        [URI("fireline:device:d-1"), x509.DNSName("broker")],
    ],
)
def test_any_other_name_is_no_device(
    authority: Authority, names: list[x509.GeneralName] | None
) -> None:
    with pytest.raises(NotADevice):
        device_id_of(der(authority, names))


@pytest.mark.parametrize(
    "purposes",
    [
        [ExtendedKeyUsageOID.SERVER_AUTH],
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
        None,
    ],
)
def test_any_other_purpose_is_no_device(
    authority: Authority, purposes: list[x509.ObjectIdentifier] | None
) -> None:
    with pytest.raises(NotADevice):
        device_id_of(der(authority, [URI("fireline:device:d-1")], purposes=purposes))


def test_an_authority_garbage_and_nothing_are_no_device(authority: Authority) -> None:
    with pytest.raises(NotADevice, match="not for a device"):
        device_id_of(der(authority, [URI("fireline:device:d-1")], ca=True))
    for nothing in (None, b""):
        with pytest.raises(NotADevice, match="no certificate"):
            device_id_of(nothing)
    for garbage in (b"x", b"0" * 500):
        with pytest.raises(NotADevice):
            device_id_of(garbage)
