"""The TLS of the two device ports: 1.3 only, the device CA only, no session tickets.

1. The device door always requires a client certificate of the device CA. Who it is says
   `leaf.read_leaf`, whether it is still valid says the store; both before a byte is read.
2. The enrolment port asks for none: who enrols has none yet. The token decides there.
3. No resumption: every connection shows its certificate anew, so a revocation holds at once.
"""

import ssl
from pathlib import Path

from server.identity.device_ca import DeviceCA
from server.identity.private_files import read_private


def device_door_context(ca: DeviceCA, door: Path) -> ssl.SSLContext:
    """The device door's context; `door` is the file that `DeviceCA.make_door` wrote."""
    context = _server_context(door)
    context.load_verify_locations(cadata=ca.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


def enrolment_context(door: Path) -> ssl.SSLContext:
    """The enrolment port's context: the same certificate, no client certificate asked for."""
    return _server_context(door)


def _server_context(door: Path) -> ssl.SSLContext:
    read_private(door)  # refuses a key that others can read
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(door)
    return context
