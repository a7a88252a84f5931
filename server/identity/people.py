"""Who somebody is: the person of a key, and of a local account at the broker's own socket."""

import hmac

from server.identity.rules import Person, Rules


def person_for_key(rules: Rules, name: str, fingerprint: str) -> Person | None:
    """The person of that login name, when the key with this fingerprint is one of theirs."""
    person = rules.people.get(name)
    if person is None:
        return None
    # compare_digest, and no early end: which key of whom is not to be learnt by measuring.
    found = [hmac.compare_digest(key.fingerprint, fingerprint) for key in person.keys]
    return person if any(found) else None


def authorized_keys_for(rules: Rules, name: str) -> bytes | None:
    """The person's authorized_keys, one plain key a line: no options, no certificate authority."""
    person = rules.people.get(name)
    if person is None or not person.keys:
        return None
    return "".join(f"{key.text}\n" for key in person.keys).encode("ascii")


def person_for_account(rules: Rules, account: str) -> Person | None:
    """The person of a local account: the admin socket's peer."""
    return next((p for p in rules.people.values() if account in p.accounts), None)
