"""OpenSSH user certificates: what one says, and whether it lets a person in (PROTOCOL.certkeys).

1. A principal must be there and must be exactly the person's: a list that is empty, which OpenSSH's
   format and asyncssh take for anybody, and `*` are refused.
2. What is not understood is refused: a critical option of another name or one that stands twice,
   another type, bytes behind the end, a signature by SHA-1.
3. An authority is a plain key of access.yaml: one that is itself a certificate signs nothing here.
4. What a certificate says of itself may be told to whoever shows it; what the rules say may not.
"""

import ipaddress
from dataclasses import dataclass

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.public_key import decode_ssh_certificate

from commands.language.visible import visible
from server.identity.person_keys import BadKey, read_blob
from server.identity.rules import Authority, Rules

USER = 1
FOREVER = 0xFFFF_FFFF_FFFF_FFFF
LARGEST = 16 * 1024
_SUFFIX = b"-cert-v01@openssh.com"
_FIELDS = {
    b"ssh-ed25519": 1,
    b"sk-ssh-ed25519@openssh.com": 2,
    b"ssh-rsa": 2,
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""How many strings the public key has, by its plain type."""
_OPTIONS = ("force-command", "source-address")
NOT_TAKEN = "this certificate is not taken for this login; the plain key may be"


class BadCertificate(Exception):
    """`args[0]` for the journal; `told` for whoever showed it."""

    def __init__(self, why: str, *, told: bool) -> None:
        super().__init__(why)
        self.told = why if told else NOT_TAKEN


@dataclass(frozen=True)
class Certificate:
    """What a user certificate says; its signature is good."""

    key: asyncssh.SSHKey
    fingerprint: str
    authority: str
    """The fingerprint of the key that signed it."""
    serial: int
    key_id: str
    principals: tuple[str, ...]
    after: int
    before: int
    critical: dict[str, str]
    extensions: frozenset[str]

    @property
    def options(self) -> dict[str, object]:
        """As asyncssh keeps them: it holds `force-command` and `permit-pty` for each channel."""
        kept: dict[str, object] = dict.fromkeys(self.extensions, True)
        if "force-command" in self.critical:
            kept["force-command"] = self.critical["force-command"]
        return kept

    def shown(self) -> str:
        """For the journal: enough to revoke it by."""
        return f"{visible(self.key_id[:100])}, serial {self.serial}, by {self.authority}"


def is_certificate(blob: bytes) -> bool:
    """Whether a key as a client sends it is a certificate, of whatever kind."""
    length = int.from_bytes(blob[:4], "big")
    name = blob[4 : 4 + length]
    return b"-cert-" in name or name.startswith(b"x509v3-")


def read_certificate(blob: bytes) -> Certificate:
    """The certificate of a blob as a client sends it; BadCertificate where it is none of ours."""
    if len(blob) > LARGEST:
        raise BadCertificate(f"the certificate is longer than {LARGEST:,} bytes", told=True)
    try:
        return _read(SSHPacket(blob), blob)
    except (PacketDecodeError, UnicodeDecodeError, asyncssh.KeyImportError, ValueError):
        raise BadCertificate("the certificate is damaged", told=True) from None


def _read(packet: SSHPacket, blob: bytes) -> Certificate:
    name = packet.get_string()
    plain = name.removesuffix(_SUFFIX)
    if plain == name or plain not in _FIELDS:
        raise BadCertificate("certificates of this type are not taken", told=True)
    packet.get_string()  # the nonce
    for _ in range(_FIELDS[plain]):
        packet.get_string()
    serial, kind = packet.get_uint64(), packet.get_uint32()
    key_id = packet.get_string().decode()
    principals = _strings(packet.get_string())
    after, before = packet.get_uint64(), packet.get_uint64()
    critical, extensions = _pairs(packet.get_string()), _pairs(packet.get_string())
    packet.get_string()  # reserved
    signer, signature = packet.get_string(), packet.get_string()
    packet.check_end()
    if kind != USER:
        raise BadCertificate("this is a host's certificate, not a person's", told=True)
    for option in critical:
        if option not in _OPTIONS:
            told = f"the certificate's critical option {visible(option[:60])} is not known here"
            raise BadCertificate(told, told=True)
    key, authority = _verified(blob, signer, signature)
    return Certificate(
        key,
        key.get_fingerprint("sha256"),
        authority,
        serial,
        key_id,
        tuple(p.decode() for p in principals),
        after,
        before,
        {option: _text(value) for option, value in critical.items()},
        frozenset(extensions),
    )


def _verified(blob: bytes, signer: bytes, signature: bytes) -> tuple[asyncssh.SSHKey, str]:
    """The person's key and the signer's fingerprint, once the signature holds."""
    if SSHPacket(signer).get_string().endswith(_SUFFIX):
        raise BadCertificate("the certificate is signed by a certificate", told=True)
    if SSHPacket(signature).get_string() in (b"ssh-rsa", b"ssh-dss"):
        raise BadCertificate("the certificate is signed with SHA-1", told=True)
    # asyncssh checks the signature as it decodes; the bounds of a key are ours.
    key = decode_ssh_certificate(blob).key
    for public in (key.public_data, signer):
        try:
            read_blob(public)
        except BadKey as error:
            raise BadCertificate(f"a key of the certificate: {error}", told=True) from None
    return key, read_blob(signer).fingerprint


def judge(
    certificate: Certificate, rules: Rules, person: str, source: str, now: float | None
) -> Authority:
    """The authority by which this certificate lets the person in; BadCertificate says why not.

    Without `now` the dates are not looked at: an open connection outlives its certificate.
    """
    _judge_itself(certificate, source, now)
    authority = next(
        (a for a in rules.authorities if a.key.fingerprint == certificate.authority), None
    )
    if authority is None:
        raise _not_taken("its authority is none of access.yaml")
    if person not in rules.people or person not in authority.people:
        raise _not_taken(f"its authority {authority.name} does not speak for this person")
    if authority.principal.replace("{person}", person) not in certificate.principals:
        raise _not_taken("it names other principals: " + _named(certificate.principals))
    if authority.sources and not _within(source, authority.sources):
        raise _not_taken(f"its authority {authority.name} is not taken from this address")
    if (
        certificate.serial in authority.revoked_serials
        or certificate.key_id in authority.revoked_ids
        or certificate.fingerprint in authority.revoked_keys
    ):
        raise _not_taken(f"it is revoked: {certificate.shown()}")
    for other in rules.people.values():
        if other.name != person and any(
            key.fingerprint == certificate.fingerprint for key in other.keys
        ):
            raise _not_taken(f"its key is {other.name}'s")
    return authority


def _judge_itself(certificate: Certificate, source: str, now: float | None) -> None:
    if not certificate.principals:
        raise BadCertificate("the certificate names no principal", told=True)
    if any(not p or "*" in p or "?" in p for p in certificate.principals):
        raise BadCertificate("the certificate names a pattern for a principal", told=True)
    if now is not None and now < certificate.after:
        raise BadCertificate("the certificate is not valid yet", told=True)
    if now is not None and certificate.before != FOREVER and now >= certificate.before:
        raise BadCertificate("the certificate has expired", told=True)
    allowed = certificate.critical.get("source-address")
    if allowed is not None and not _within(source, tuple(allowed.split(","))):
        raise BadCertificate("the certificate is not for this source address", told=True)


def _not_taken(why: str) -> BadCertificate:
    return BadCertificate(f"the certificate is not taken: {why}", told=False)


def _named(principals: tuple[str, ...]) -> str:
    return visible(", ".join(principals)[:100])


def _within(source: str, networks: tuple[str, ...]) -> bool:
    """Whether the address is in one of the networks; what cannot be read holds nothing."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        found = [ipaddress.ip_network(network.strip(), strict=False) for network in networks]
    except ValueError:
        return False
    return any(address in network for network in found)


def _strings(data: bytes) -> list[bytes]:
    packet, found = SSHPacket(data), []
    while packet:
        found.append(packet.get_string())
    return found


def _pairs(data: bytes) -> dict[str, bytes]:
    parts = _strings(data)
    names = [name.decode("ascii") for name in parts[::2]]
    if len(parts) % 2 or len(set(names)) != len(names):
        raise BadCertificate("an option stands twice in the certificate", told=True)
    return dict(zip(names, parts[1::2], strict=True))


def _text(value: bytes) -> str:
    packet = SSHPacket(value)
    text = packet.get_string().decode()
    packet.check_end()
    return text
