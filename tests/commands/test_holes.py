"""Zeros that nobody sends are hashed as the zeros that they are."""

import hashlib

import pytest

from commands.language.holes import hash_zeros


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (3 << 20) + 17])
def test_the_hash_is_that_of_so_many_zeros(size: int) -> None:
    digest = hashlib.sha256(b"before")
    hash_zeros(digest, size)
    digest.update(b"after")
    assert digest.digest() == hashlib.sha256(b"before" + bytes(size) + b"after").digest()
