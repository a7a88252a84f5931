"""What a leaf certificate says: a device's id in its one URI, or a door's names."""

import datetime
import functools
import ipaddress
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from commands.language.errors import Refused

URI = "fireline:device:"
READ_LATELY = 4096
"""A device shows the certificate of its line at each of its streams."""
_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*")


class NotADevice(Refused):
    """The certificate is no device's; the connection is closed before a byte of it is read."""


@dataclass(frozen=True, slots=True)
class DeviceLeaf:
    """Who a verified certificate says it is; the store says whether `serial` is still valid."""

    device_id: str
    serial: str
    not_before: datetime.datetime
    not_after: datetime.datetime
    der: bytes

    @property
    def due(self) -> datetime.datetime:
        """From when on it is to be renewed: two thirds of its life."""
        return self.not_before + (self.not_after - self.not_before) * 2 / 3

    @property
    def ssh_key(self) -> str:
        """Its public key as OpenSSH writes it."""
        key = x509.load_der_x509_certificate(self.der).public_key()
        return key.public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        ).decode("ascii")


def device_uri(device_id: str) -> str:
    """The URI that stands for a device; ValueError for what is no id."""
    if not _DEVICE_ID.fullmatch(device_id):
        raise ValueError(f"{device_id!r} is no device id")
    return URI + device_id


@functools.lru_cache(READ_LATELY)
def read_leaf(der: bytes | None) -> DeviceLeaf:
    """The device of a peer's certificate, already verified by TLS against the device CA."""
    if not der:
        raise NotADevice("no certificate was given; the device must be enrolled")
    try:
        leaf = x509.load_der_x509_certificate(der)
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        limits = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise NotADevice("the certificate lacks what a device's has") from None
    if limits.ca or list(purposes) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise NotADevice("the certificate is not for a device's own connection")
    name = names[0] if len(names) == 1 else None
    if not isinstance(name, x509.UniformResourceIdentifier) or not name.value.startswith(URI):
        raise NotADevice("the certificate names no device")
    device_id = name.value[len(URI) :]
    if not _DEVICE_ID.fullmatch(device_id):
        raise NotADevice("the certificate names a device by no id")
    return DeviceLeaf(
        device_id,
        f"{leaf.serial_number:x}",
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
        der,
    )


def device_id_of(der: bytes | None) -> str:
    """Only the id; NotADevice when the certificate is anything but a device's."""
    return read_leaf(der).device_id


def server_names(names: list[str]) -> list[x509.GeneralName]:
    """Host names and addresses as a certificate holds them; ValueError for what is neither."""
    if not names:
        raise ValueError("the device door needs a name or an address")
    return [_server_name(name) for name in dict.fromkeys(names)]


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise ValueError(f"{name!r} is no host name and no address")
    return x509.DNSName(name)
