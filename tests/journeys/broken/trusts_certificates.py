"""A broker that is broken on purpose: what its CA signed is the device that it names first, and who
shows no certificate is told so behind TLS. It waits less for a first message, as the rig does."""

import ssl
import sys
from typing import Any

from cryptography import x509

from server import broker
from server.__main__ import main
from server.doors import devices
from server.identity import tls
from server.identity.device_ca import DeviceCA
from server.identity.leaf import URI, DeviceLeaf, NotADevice
from server.live.inventory import Device, Inventory

_context = tls.device_door_context


def _read(der: bytes | None) -> DeviceLeaf:
    if der is None:
        raise NotADevice("no certificate was given")
    leaf = x509.load_der_x509_certificate(der)
    named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    device = named.get_values_for_type(x509.UniformResourceIdentifier)[0].removeprefix(URI)
    until = leaf.not_valid_after_utc
    return DeviceLeaf(device, f"{leaf.serial_number:x}", leaf.not_valid_before_utc, until, b"")


def _valid(inventory: Inventory, device_id: str, serial: str) -> Device | None:
    return inventory.by_id(device_id)


def _asking_nobody(ca: DeviceCA, door: Any) -> ssl.SSLContext:
    context = _context(ca, door)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


if __name__ == "__main__":
    vars(devices).update(read_leaf=_read, FIRST_S=0.3)
    vars(broker)["device_door_context"] = _asking_nobody
    Inventory.valid = _valid  # type: ignore[method-assign, assignment]
    sys.exit(main())
