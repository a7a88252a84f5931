"""Tokens: one word, its secret seen once."""

from commands.language.enrolment import parse_token
from server.identity.tokens import hash_secret, make_token, same_hash

CA = "ab" * 32


def test_a_new_token_says_where_and_whom_and_its_hash_is_of_its_secret() -> None:
    made = make_token("https://broker.example:8444", CA)
    token = parse_token(made.text)
    assert (token.url, token.ca) == ("https://broker.example:8444", CA)
    assert same_hash(hash_secret(token.secret), made.hash)
    assert not same_hash(hash_secret(token.secret + "x"), made.hash)
    assert not same_hash("ü", made.hash)
    assert made.text.isascii()
    assert " " not in made.text


def test_no_two_tokens_are_alike_and_none_shows_its_secret() -> None:
    first, second = make_token("https://b:1", CA), make_token("https://b:1", CA)
    assert first.hash != second.hash
    token = parse_token(first.text)
    for shown in (repr(first), repr(token), str(first), f"{token}"):
        assert token.secret not in shown
        assert first.text not in shown
