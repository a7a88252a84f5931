"""The device CA: its files, what it signs, and what it never takes over from a request."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from commands.language.errors import Refused
from server.identity.device_ca import (
    CERT_FILE,
    KEY_FILE,
    BadRequest,
    create_ca,
    load_ca,
    spki_sha256,
)
from server.identity.leaf import read_leaf
from server.identity.private_files import NotPrivate


def csr_of(key: CertificateIssuerPrivateKeyTypes, *, claims: bool = False) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fireline:device:other")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if claims:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        x509.UniformResourceIdentifier("fireline:device:other"),
                        x509.DNSName("broker"),
                    ]
                ),
                critical=False,
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = builder.sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def test_the_ca_is_made_once_with_private_files_and_loads_again(tmp_path: Path) -> None:
    ca = create_ca(tmp_path)
    for name in (KEY_FILE, CERT_FILE):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert load_ca(tmp_path).pin == ca.pin == spki_sha256(ca.certificate)
    with pytest.raises(FileExistsError):
        create_ca(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_ca(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(NotPrivate, match=r"device_ca\.key is open to others"):
        load_ca(tmp_path)


def test_damaged_or_mixed_files_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        create_ca(tmp_path / folder)
    (tmp_path / "a" / CERT_FILE).write_bytes((tmp_path / "b" / CERT_FILE).read_bytes())
    with pytest.raises(NotPrivate, match="is not the key of"):
        load_ca(tmp_path / "a")
    (tmp_path / "b" / KEY_FILE).write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(NotPrivate, match="cannot be read"):
        load_ca(tmp_path / "b")


def test_a_request_gives_its_key_and_nothing_else(tmp_path: Path) -> None:
    ca = create_ca(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    issued = ca.sign_csr(csr_of(key, claims=True), "d-1")
    leaf = x509.load_pem_x509_certificate(issued.pem.encode())
    assert leaf.public_key() == key.public_key()
    assert "other" not in leaf.subject.rfc4514_string()
    found = read_leaf(leaf.public_bytes(serialization.Encoding.DER))
    assert (found.device_id, found.serial) == ("d-1", issued.serial)
    assert int(issued.serial, 16).bit_length() > 64
    leaf.verify_directly_issued_by(ca.certificate)
    life = issued.not_after - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=364) < life <= datetime.timedelta(days=365)
    assert ca.sign_csr(csr_of(key), "d-1").serial != issued.serial


def test_requests_that_cannot_be_trusted_are_refused(tmp_path: Path) -> None:
    ca = create_ca(tmp_path)
    good = csr_of(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(good.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1  # inside the signature
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    for csr, why in (
        (forged, "not signed by its own key"),
        ("", "malformed"),
        ("x" * 20_000, "longer"),
        (ca.pem, "malformed"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n\udce9", "malformed"),
        (csr_of(ec.generate_private_key(ec.SECP384R1())), "not P-256"),
        (csr_of(ed25519.Ed25519PrivateKey.generate()), "not P-256"),
        (csr_of(rsa.generate_private_key(65537, 2048)), "not P-256"),
    ):
        with pytest.raises(BadRequest, match=why):
            ca.sign_csr(csr, "d-1")


@pytest.mark.parametrize("device_id", ["", "a/b", "a b", "d\n", "x" * 65, "-d"])
def test_a_device_id_that_is_none_is_never_signed(tmp_path: Path, device_id: str) -> None:
    csr = csr_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ValueError, match="is no device id"):
        create_ca(tmp_path).sign_csr(csr, device_id)


def test_the_door_s_file_is_private_and_renewed(tmp_path: Path) -> None:
    ca = create_ca(tmp_path)
    door = ca.make_door(tmp_path, ["broker.example", "127.0.0.1", "::1"])
    first = door.read_bytes()
    assert door.stat().st_mode & 0o777 == 0o600
    leaf, issuer = x509.load_pem_x509_certificates(first)
    assert issuer == ca.certificate
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert ca.make_door(tmp_path, ["localhost"]).read_bytes() != first
    for wrong in ([], ["a b"], ["*.example"], ["-x"], ["a" * 64]):
        with pytest.raises(ValueError, match="name"):
            ca.make_door(tmp_path, wrong)


def test_a_renewal_is_for_the_key_and_device_of_the_one_before(tmp_path: Path) -> None:
    ca = create_ca(tmp_path)
    first = ca.sign_csr(csr_of(ec.generate_private_key(ec.SECP256R1())), "d-1")
    leaf = read_leaf(ssl.PEM_cert_to_DER_cert(first.pem))
    second = read_leaf(ssl.PEM_cert_to_DER_cert(ca.renew(leaf).pem))
    assert (second.device_id, second.serial == leaf.serial) == ("d-1", False)
    keys = [x509.load_der_x509_certificate(one.der).public_key() for one in (leaf, second)]
    assert keys[0] == keys[1]


def test_a_certificate_is_due_from_two_thirds_of_its_life_on(tmp_path: Path) -> None:
    create_ca(tmp_path)
    ca = load_ca(tmp_path, datetime.timedelta(days=30))
    made = ca.sign_csr(csr_of(ec.generate_private_key(ec.SECP256R1())), "d-1")
    leaf = read_leaf(ssl.PEM_cert_to_DER_cert(made.pem))
    assert leaf.not_after - leaf.due == datetime.timedelta(days=31) / 3


def test_who_asks_for_a_renewal_has_to_prove_the_key_of_a_certificate_of_ours(
    tmp_path: Path,
) -> None:
    create_ca(tmp_path)
    ca = load_ca(tmp_path, datetime.timedelta(seconds=1))
    key = ec.generate_private_key(ec.SECP256R1())
    own = ca.sign_csr(csr_of(key), "d-1").pem
    assert ca.proved(own, csr_of(key)).device_id == "d-1"
    with pytest.raises(BadRequest, match="not signed by the key"):
        ca.proved(own, csr_of(ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "b").mkdir()
    foreign = create_ca(tmp_path / "b").sign_csr(csr_of(key), "d-1").pem
    for not_ours in (foreign, "no certificate", ca.pem):
        with pytest.raises(Refused):
            ca.proved(not_ours, csr_of(key))
