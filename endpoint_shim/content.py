"""What the first bytes of a file say it is, whatever its name says."""

import re

HEAD = 4096

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive, empty"),
    (b"!<arch>\n", "ar archive or Debian package"),
    (b"\xed\xab\xee\xdb", "RPM package"),
    (b"070701", "cpio archive"),
    (b"%PDF-", "PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE document"),
    (b"{\\rtf", "RTF document"),
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"ElfFile\0", "Windows event log"),
    (b"regf", "Windows registry hive"),
    (b"L\0\0\0\x01\x14\x02\0", "Windows shortcut"),
    (b"MAM\x04", "Windows prefetch"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "Mach-O program"),
    (b"\xce\xfa\xed\xfe", "Mach-O program"),
    (b"\xd4\xc3\xb2\xa1", "packet capture"),
    (b"\x0a\x0d\x0d\x0a", "packet capture"),
    (b"LPKSHHRH", "systemd journal"),
    (b"-----BEGIN ", "PEM text"),
)
_ELF_KINDS = {1: "object", 2: "program", 3: "program or library", 4: "core dump"}
_BOMS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def described(head: bytes) -> str:
    """A few words for the first HEAD bytes."""
    if not head:
        return "empty"
    if head.startswith(b"\x7fELF"):
        return _elf(head)
    if head.startswith(b"MZ"):
        return _windows(head)
    if line := shebang(head):
        return "script " + line[0].decode("utf-8", "backslashreplace")
    for start, words in _STARTS:
        if head.startswith(start):
            return words
    if head[257:262] == b"ustar":
        return "tar archive"
    return _text(head)


def shebang(head: bytes) -> list[bytes]:
    """The interpreter and its one argument, as the kernel splits them; [] where there is none.

    A byte-order mark and blank lines before it are passed over, though the kernel would not.
    """
    line = next((one for one in head.removeprefix(_BOMS[0][0]).splitlines() if one.strip()), b"")
    if not line.startswith(b"#!"):
        return []
    return line[2:].strip().split(None, 1)


def _elf(head: bytes) -> str:
    order = "big" if head[5:6] == b"\x02" else "little"
    bits = {1: "32-bit ", 2: "64-bit "}.get(head[4], "") if len(head) > 4 else ""
    # e_type stands at offset 16 in both classes.
    kind = int.from_bytes(head[16:18], "big" if order == "big" else "little")
    return f"ELF {bits}{_ELF_KINDS.get(kind, 'file')}"


def _windows(head: bytes) -> str:
    at = int.from_bytes(head[60:64], "little")
    return "Windows program" if head[at : at + 4] == b"PE\0\0" else "DOS or Windows program"


def _text(head: bytes) -> str:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return f"{name} text with a byte-order mark"
    if _NOT_TEXT.search(head):
        return "unknown bytes"
    try:
        head.decode("ascii")
        return "text"
    except UnicodeDecodeError:
        pass
    # The last character may be cut by the end of the head.
    return "UTF-8 text" if _is_utf8(head) else "text in an 8-bit code page"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and len(head) >= HEAD
    return True
