"""Whole files: getfile, putfile and sftp get, beside `scp -J` and `sftp -J`; many small ones."""

import hashlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.fireline import Fireline
from bench.peers import Peers
from bench.table import Row, Timed, alternate, middle

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True)
class Copies:
    """One file and the ways it goes; everything lies under `folder`."""

    fireline: Fireline
    peers: Peers
    folder: Path
    sha256: str
    size: int

    @property
    def source(self) -> Path:
        return self.folder / "source"

    def getfile(self) -> float:
        words = self.fireline.on("getfile", str(self.source))
        return _timed(words, lambda told: _same(self.sha256.encode() in told, words))

    def scp_from(self) -> float:
        return self._copied(self.peers.copy("scp", f"jumped:{self.source}", str(self._there)))

    def putfile(self) -> float:
        words = self.fireline.on("putfile", "bench-source", "-path", str(self._there))
        return self._copied(words)

    def scp_to(self) -> float:
        return self._copied(self.peers.copy("scp", str(self.source), f"jumped:{self._there}"))

    def sftp_from(self) -> float:
        path = f"fireline:/devices/{self.fireline.device}/root{self.source}"
        return self._copied(self.fireline.copy("sftp", path, str(self._there)))

    def sftp_jumped(self) -> float:
        return self._copied(self.peers.copy("sftp", f"jumped:{self.source}", str(self._there)))

    def many_from(self) -> float:
        path = f"fireline:/devices/{self.fireline.device}/root{self._many}"
        return self._copied_many(self.fireline.copy("scp", "-r", path, str(self._there)))

    def many_jumped(self) -> float:
        words = self.peers.copy("scp", "-r", f"jumped:{self._many}", str(self._there))
        return self._copied_many(words)

    def folder_taken(self) -> float:
        words = self.fireline.on("getfile", str(self._many))
        return _timed(words, lambda told: _same(b"many.tar taken" in told, words))

    def folder_by_tar(self) -> float:
        """What a person would type instead: tar there, a pipe, a file here."""
        far = self.peers.ssh("jumped", f"tar -C {shlex.quote(str(self.folder))} -cf - many")
        began = time.perf_counter()
        with self._there.open("wb") as here:
            subprocess.run(far, stdout=here, stdin=subprocess.DEVNULL, check=True)
        took = time.perf_counter() - began
        self._there.unlink()
        return took

    def make_many(self, count: int) -> None:
        self._many.mkdir()
        for number in range(count):
            (self._many / f"f{number}").write_bytes(os.urandom(KIB))

    def library_add(self) -> float:
        with self.source.open("rb") as file:
            words = self.fireline.ssh("library add bench-source")
            return _timed(words, lambda _: None, file.fileno())

    @property
    def _there(self) -> Path:
        return self.folder / "there"

    @property
    def _many(self) -> Path:
        return self.folder / "many"

    def _copied_many(self, words: list[str]) -> float:
        def check(_: bytes) -> None:
            same = subprocess.run(["diff", "-r", self._many, self._there], check=False)
            _same(same.returncode == 0, words)
            shutil.rmtree(self._there)

        return _timed(words, check)

    def _copied(self, words: list[str]) -> float:
        def check(_: bytes) -> None:
            _same(_sha256(self._there) == self.sha256, words)
            self._there.unlink()

        return _timed(words, check)


def transfer(fireline: Fireline, peers: Peers, folder: Path, quick: bool) -> list[Row]:
    """Speeds, and ratios of speeds: more is better."""
    size = (128 if quick else 1024) * MIB
    rounds = 2 if quick else 3
    source = folder / "source"
    copies = Copies(fireline, peers, folder, made(source, size), size)
    added = copies.library_add()
    whole = f"{size // MIB:,} MiB"
    many = 2_000 if quick else 10_000
    copies.make_many(many)
    return [
        _pair(f"getfile of {whole}", "`scp -J`", size, rounds, copies.getfile, copies.scp_from, 2),
        _pair(f"putfile of {whole}", "`scp -J`", size, rounds, copies.putfile, copies.scp_to, 2),
        _pair(
            f"sftp get of {whole}",
            "`sftp -J`",
            size,
            rounds,
            copies.sftp_from,
            copies.sftp_jumped,
            0.7,
        ),
        _many_pair(copies, many, rounds),
        _folder_pair(copies, many, rounds),
        Row(f"library add of {whole}, once before putfile", speed(size, added), "", ""),
    ]


def _pair(
    what: str, beside: str, size: int, rounds: int, ours: Timed, theirs: Timed, aim: float
) -> Row:
    took = alternate(rounds, {"ours": ours, "theirs": theirs})
    mine, other = middle(took["ours"]), middle(took["theirs"])
    return Row(
        what, speed(size, mine), beside, speed(size, other), other / mine, aim, at_least=True
    )


def _many_pair(copies: Copies, many: int, rounds: int) -> Row:
    took = alternate(rounds, {"ours": copies.many_from, "theirs": copies.many_jumped})
    mine, other = middle(took["ours"]), middle(took["theirs"])
    what = f"{many:,} files of 1 KiB by `scp -r`"
    return Row(what, f"{mine:.1f} s", "`scp -r -J`", f"{other:.1f} s", other / mine, 1, True)


def _folder_pair(copies: Copies, many: int, rounds: int) -> Row:
    """Beside tar itself; design.md's aim is 2.4 times `scp -r -J`."""
    ways = {
        "ours": copies.folder_taken,
        "tar": copies.folder_by_tar,
        "scp": copies.many_jumped,
    }
    took = {name: middle(every) for name, every in alternate(rounds, ways).items()}
    return Row(
        f"{many:,} files of 1 KiB as `getfile FOLDER` (tar over `ssh -J`: {took['tar']:.2f} s)",
        f"{took['ours']:.2f} s", "`scp -r -J`", f"{took['scp']:.2f} s",
        took["scp"] / took["ours"], 2.4, at_least=True,
    )  # fmt: skip


def _timed(words: list[str], check: Callable[[bytes], None], stdin: int | None = None) -> float:
    """Runs it; the check, untimed, ends the bench where the copy is not the same."""
    began = time.perf_counter()
    done = subprocess.run(
        words, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"{words}: {(done.stdout + done.stderr).decode(errors='replace')}")
    check(done.stdout)
    return took


def _same(same: bool, words: list[str]) -> None:
    if not same:
        raise SystemExit(f"{words}: the copy differs")


def made(path: Path, size: int) -> str:
    """A file of random bytes on the disk; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            piece = os.urandom(MIB)
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def speed(size: int, seconds: float) -> str:
    """Bytes and seconds as MiB/s."""
    return f"{size / MIB / seconds:,.0f} MiB/s"
