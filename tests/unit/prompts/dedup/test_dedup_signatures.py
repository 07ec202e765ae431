"""Signatures: of a text alone, and as alike as the texts are."""

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_corpus import brute, edited, sentence

from components.prompts.dedup.shingles import ShingleSets, grams, shingle_sets
from components.prompts.dedup.signatures import (
    band_keys,
    digest,
    digests,
    estimate,
    signatures,
)

ANY = st.text(alphabet=st.characters(exclude_categories=()), max_size=80)


def test_digest_is_blake2b_of_utf8() -> None:
    expected = hashlib.blake2b("poème".encode(), digest_size=16).digest()
    assert digest("poème") == expected
    both = digests(["poème", "\ud800"])
    assert both.shape == (2, 2)
    assert both[0].tobytes() == expected
    assert digests([]).shape == (0, 2)


@given(st.lists(ANY, min_size=1, max_size=6))
def test_a_text_has_one_shingle_where_each_five_characters_begin(texts: list[str]) -> None:
    found = grams(texts)
    assert found.counts.tolist() == [max(1, len(text) - 4) for text in texts]
    for text, start, count in zip(texts, found.starts, found.counts, strict=True):
        own = found.hashes[start : start + count].tolist()
        pieces = [text[at : at + 5] for at in range(count)]
        assert len(set(own)) == len(set(pieces))
        assert own == grams([text]).hashes[:count].tolist()


def test_the_hash_of_a_shingle_by_hand() -> None:
    value = 0
    for letter in "hello":
        value = (value * 0x9E3779B1 + ord(letter)) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        value = ((value ^ value >> shift) * factor) & 0xFFFFFFFF
    assert [one.tolist() for one in next(shingle_sets(["hello"]))] == [[value]]


@given(
    st.text(min_size=1, max_size=60, alphabet="abcd "),
    st.text(min_size=1, max_size=60, alphabet="abcd "),
)
def test_similarity_is_jaccard_of_character_five_grams(one: str, two: str) -> None:
    one, two = one.ljust(5, "x"), two.ljust(5, "x")
    sets = ShingleSets(lambda rows: [(one, two)[row] for row in rows], 1 << 20)
    assert sets.jaccard(np.array([0]), np.array([1]))[0] == pytest.approx(brute(one, two))


def test_a_small_cache_changes_nothing() -> None:
    rng = random.Random(5)
    texts = [" ".join(sentence(rng, rng.randrange(5, 60))) for _ in range(700)]
    left = np.array([rng.randrange(700) for _ in range(2000)])
    right = np.array([rng.randrange(700) for _ in range(2000)])

    def read(rows: np.ndarray) -> list[str]:
        return [texts[row] for row in rows]

    roomy, tight = ShingleSets(read, 1 << 30), ShingleSets(read, 5000)
    assert np.array_equal(roomy.jaccard(left, right), tight.jaccard(left, right))


def test_signatures_do_not_depend_on_the_company_of_a_text() -> None:
    rng = random.Random(1)
    texts = ["", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x" * 100_000]
    texts += [" ".join(sentence(rng, int(rng.expovariate(0.01)) + 1)) for _ in range(300)]
    together = signatures(texts, 256)
    for row in range(0, len(texts), 7):
        assert np.array_equal(signatures([texts[row]], 256)[0], together[row])
    rng.shuffle(texts)
    again = signatures(texts, 256)
    assert np.array_equal(again[texts.index("a")], together[1])


def test_published_signatures_must_not_change() -> None:
    """Earlier rounds are compared with later ones: other numbers here are a new SCHEME."""
    texts = ["", "write a poem about the sea", "schreib ein gedicht über das meer " * 40]
    values = signatures(texts, 256)
    assert hashlib.sha256(values.tobytes()).hexdigest()[:16] == "7c91b4647f960e50"
    assert [f"{key:016x}" for key in band_keys(values, 3, 8).tolist()] == [
        "68b45561f580f864",
        "472d5fad95b57976",
        "97153349889a5c83",
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(ANY, max_size=8))
def test_any_unicode_has_a_signature(texts: list[str]) -> None:
    values = signatures(texts, 64)
    assert values.shape == (len(texts), 64)
    assert all((estimate(values[[i]], values[[i]]) == 1).all() for i in range(len(texts)))


@pytest.mark.parametrize("length", [8, 30, 100, 600])
def test_estimates_err_as_much_as_the_docstring_says(length: int) -> None:
    rng = random.Random(length)
    pairs = []
    while len(pairs) < 400:
        words = sentence(rng, length)
        one, two = " ".join(words), edited(rng, words, rng.choice([0.02, 0.05, 0.1]))
        if 0.6 < brute(one, two) < 0.95:
            pairs.append((one, two))
    values = signatures([text for pair in pairs for text in pair], 256)
    got = estimate(values[::2], values[1::2])
    exact = np.array([brute(*pair) for pair in pairs])
    error = (got - exact) / np.sqrt(exact * (1 - exact) / (0.77 * 256))
    assert abs(error.mean()) < 0.2
    assert error.std() < 1.15
    assert np.abs(error).max() < 4.5


def test_unlike_texts_have_unlike_signatures() -> None:
    rng = random.Random(9)
    texts = ["".join(chr(rng.randrange(97, 123)) for _ in range(200)) for _ in range(200)]
    values = signatures(texts, 256)
    assert estimate(values[:-1], values[1:]).mean() < 0.01


def test_keys_of_a_band_are_equal_where_its_bins_are() -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 2, (3000, 32), dtype=np.uint8)
    for band, rows in ((0, 4), (3, 8), (1, 16)):
        keys = band_keys(values, band, rows)
        bins = [tuple(row) for row in values[:, band * rows : (band + 1) * rows].tolist()]
        assert len(set(keys.tolist())) == len(set(bins))
        assert len(set(zip(keys.tolist(), bins, strict=True))) == len(set(bins))
