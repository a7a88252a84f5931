"""Whether a release token counts on this device, with nobody to ask.

It does where it is signed by the pinned CA, for this device, was not used here before, and has not
expired, by the later of the wall clock and the clock that was last seen and ran on since
(guard_state.Clock).
"""

import sys
from pathlib import Path

from commands.language.errors import Refused
from commands.language.release_token import LONGEST, Release, parse
from endpoint_shim import boot_clock, config, facts
from endpoint_shim.guard_state import Kept

MAX_USED = 1000


def read(place: str) -> str:
    """The token in a file, or on standard input for `-`; never from argv, which others can see."""
    if place == "-":
        return sys.stdin.read(LONGEST + 2)
    with Path(place).open(encoding="utf-8", errors="replace") as file:
        return file.read(LONGEST + 2)


def check(text: str, settings: config.Config, kept: Kept) -> Release:
    """The token, if it counts here and now; raises NotUnderstood or Refused."""
    # On demand, as in enrolment.
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    token, signed, signature = parse(text)
    name = settings.identity.name
    key = x509.load_pem_x509_certificate(settings.ca.read_bytes()).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused(f"the CA that {name} pinned has no key that signs tokens")
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("the release token is not signed by this device's broker") from None
    if token.device != settings.identity.device_id:
        raise Refused(f"the release token is for another device than {name}")
    if token.nonce in kept.used:
        raise Refused(f"the release token was used on {name} before; ask for another")
    if kept.clock.now_ms(facts.clock_ms(), boot_clock.seconds()) >= token.until_ms:
        raise Refused(f"the release token has expired on {name}; ask for another")
    if len(kept.used) >= MAX_USED:
        raise Refused(f"{MAX_USED} release tokens were used on {name}; wait until they expire")
    return token
