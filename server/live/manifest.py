"""What a library file says of itself beside its bytes; and what its first bytes give away."""

import msgspec


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`NAME.toml` beside a shipped script, or what `library add` was told."""

    description: str = ""
    parameters: str = ""
    platform: str = ""
    changes: bool | None = None
    success_codes: tuple[int, ...] = (0,)


def noticed(name: str, head: bytes) -> list[str]:
    """Sentences about bytes that run otherwise than they look; nothing is refused for them."""
    notes = []
    lower = name.lower()
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        if not lower.endswith(".ps1"):
            notes.append(f"{name} is UTF-16; neither cmd.exe nor a Linux interpreter reads it")
    elif lower.endswith((".sh", ".py")):
        body = head.removeprefix(b"\xef\xbb\xbf")
        if body is not head and len(body) != len(head):
            notes.append(f"{name} begins with a byte-order mark; run starts its interpreter anyway")
        if b"\r\n" in body:
            notes.append(f"{name} has Windows line ends; a Linux shell takes them as text")
        if not body.startswith(b"#!") and body.lstrip().startswith(b"#!"):
            notes.append(f"{name} has blank lines before #!; run starts its interpreter anyway")
    elif lower.endswith((".cmd", ".bat")):
        if b"\n" in head.replace(b"\r\n", b""):
            notes.append(f"{name} has Unix line ends; cmd.exe may miss its labels")
        if head.startswith(b"\xef\xbb\xbf"):
            notes.append(f"{name} begins with a byte-order mark; run takes it away for cmd.exe")
    elif lower.endswith(".ps1") and not head.startswith(b"\xef\xbb\xbf") and not head.isascii():
        notes.append(
            f"{name} is UTF-8 without a byte-order mark, which PowerShell 5.1 misreads; run gives "
            "it one"
        )
    return notes
