"""Field reports k01: the bytes of a script's output, whatever page they are written in."""

import base64
import hashlib
from pathlib import Path

import pytest

from tests.journeys.field import Field


@pytest.mark.parametrize(
    ("name", "page", "words"),
    [("oem-accents", "cp850", "è é ç ñ ü Ö ø"), ("oem-cyrillic", "cp866", "Администраторы Гости")],
)
def test_letters_of_another_page_than_the_device_s_are_all_there(
    field: Field, tmp_path: Path, name: str, page: str, words: str
) -> None:
    data = f"{words}\r\n".encode(page)
    letters = tmp_path / "letters.txt"
    letters.write_bytes(data)
    field.add(f"{name}.sh", f"cat {letters}\n")
    # A Linux device says that its output is UTF-8: what is none is shown as bytes, none is lost.
    ran = field.on(f"run {name}.sh")
    shown = "".join(f"\\x{b:02x}" if b > 127 else chr(b) for b in data)
    assert (ran.status, ran.out, ran.err) == (0, shown, "")
    assert field.raw(f"run {name}.sh -raw").stdout == data
    row = field.row(f"run {name}.sh")
    assert base64.b64decode(row["stdout_base64"]) == data and row["page"] == "utf-8"


def test_byte_ff_is_shown_and_what_follows_arrives(field: Field) -> None:
    ran = field.script("byteff.sh", "printf '10.0.0.5\\377\\377 dynamique\\nlast line\\n'\n")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "10.0.0.5\\xff\\xff dynamique\nlast line\n"


def test_utf16_out_is_shown_as_text_and_taken_as_its_bytes(field: Field, tmp_path: Path) -> None:
    data = "größe\r\nzweite Zeile\r\n".encode("utf-16")
    made = tmp_path / "result.txt"
    octal = "".join(f"\\{byte:03o}" for byte in data)
    ran = field.script("utf16.sh", f"printf '{octal}' | tee {made}\n")
    assert (ran.status, ran.out.split(), ran.err) == (0, ["größe", "zweite", "Zeile"], "")
    assert field.on(f"cat {made}").out.split() == ["größe", "zweite", "Zeile"]
    taken = field.on(f"getfile {made} -auto")
    assert taken.status == 0 and f"sha256 {hashlib.sha256(data).hexdigest()}\n" in taken.out
    got = tmp_path / "got"
    copied = field.client("scp", f"fireline:/evidence/{field.session()}/result.txt", str(got))
    assert (copied.status, got.read_bytes()) == (0, data)
