"""The digest of a program, against the one that its own signature carries."""

from pathlib import Path

import pytest

from commands.language.errors import Failed
from endpoint_shim.windows.authenticode import sha256
from tests.windows.rig import Rig

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows")]

# DigestInfo of SHA-256 (RFC 8017), as SpcIndirectDataContent has it.
DIGEST = bytes.fromhex("3031300d060960864801650304020105000420")


def of(data: bytes) -> str:
    return sha256(lambda at, length: data[at : at + length], len(data))


def signed(data: bytes) -> str:
    at = data.rfind(DIGEST, 0, data.rfind(DIGEST)) if data.count(DIGEST) > 1 else data.find(DIGEST)
    return data[at + len(DIGEST) :][:32].hex()


@pytest.mark.parametrize("name", ["python311.dll", "vcruntime140.dll", "DLLs/_ssl.pyd"])
def test_it_is_the_one_that_the_file_was_signed_with(windows: Rig, name: str) -> None:
    data = (windows.executable.parent / name).read_bytes()
    found = {
        data[at + 19 : at + 51].hex() for at in range(len(data)) if data.startswith(DIGEST, at)
    }
    assert of(data) in found


def test_one_byte_of_the_program_changes_it_and_the_checksum_does_not(windows: Rig) -> None:
    data = bytearray((windows.executable.parent / "python311.dll").read_bytes())
    before = of(bytes(data))
    at = int.from_bytes(data[60:64], "little")
    data[at + 24 + 64] ^= 1
    assert of(bytes(data)) == before
    data[0x2000] ^= 1
    assert of(bytes(data)) != before


def test_an_unsigned_program_has_one_too(windows: Rig) -> None:
    assert len(of((windows.executable.parent / "python3.dll").read_bytes())) == 64


@pytest.mark.parametrize("data", [b"", b"MZ", b"MZ" + bytes(100), b"\x7fELF" + bytes(4096)])
def test_what_is_no_program_has_none(data: bytes) -> None:
    with pytest.raises(Failed, match="no Windows program"):
        of(data)
    assert Path(__file__).exists()
