"""Deduplication: known truth, brute force, and what must never collapse."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.prompts.config import DedupConfig
from components.prompts.dedup import (
    Comparable,
    _prefix_share,
    exact_duplicates,
    near_duplicates,
)
from components.prompts.normalise import normalise
from components.prompts.signatures import ShingleSets, signatures

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "rt", "lm", "st")]


def plain(text: str, time: int = 0, query: str = "") -> Comparable:
    return Comparable(normalise(text), query, time)


def sentence(rng: random.Random, count: int) -> list[str]:
    return [rng.choice(VOCABULARY) for _ in range(count)]


def brute(one: str, two: str) -> float:
    """Jaccard of 5-grams by the definition."""
    a, b = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (one, two))
    return len(a & b) / len(a | b)


def test_exact_duplicates_keep_the_longest_then_earliest_then_first() -> None:
    prompts = [plain("a b", 5), plain("A  b", 3), plain("a b", 3), plain("other", 1)]
    found = exact_duplicates(prompts)
    assert {d.row: d.survivor for d in found} == {0: 1, 2: 1}


@given(
    st.text(min_size=5, max_size=60, alphabet="abcd "),
    st.text(min_size=5, max_size=60, alphabet="abcd "),
)
def test_similarity_is_jaccard_of_character_five_grams(one: str, two: str) -> None:
    got = ShingleSets([one, two]).jaccard(np.array([0]), np.array([1]))[0]
    assert got == pytest.approx(brute(one, two))


def test_signatures_do_not_depend_on_the_company_of_a_text() -> None:
    rng = random.Random(1)
    texts = [" ".join(sentence(rng, rng.randrange(1, 80))) for _ in range(50)]
    together = signatures(texts, 64)
    for row in (0, 17, 49):
        assert np.array_equal(signatures([texts[row]], 64)[0], together[row])


def test_signatures_agree_as_often_as_texts_are_similar() -> None:
    rng = random.Random(2)
    text = sentence(rng, 400)
    other = text[:300] + sentence(rng, 100)
    one, two = " ".join(text), " ".join(other)
    signature = signatures([one, two], 1024)
    share = float((signature[0] == signature[1]).mean())
    assert share == pytest.approx(brute(one, two), abs=0.06)


def test_near_duplicates_are_what_brute_force_finds() -> None:
    rng = random.Random(3)
    texts: list[str] = []
    for _ in range(60):
        base = sentence(rng, rng.randrange(8, 60))
        texts.append(" ".join(base))
        for _ in range(rng.randrange(3)):
            edited = list(base)
            for _ in range(max(1, len(base) // 15)):
                edited[rng.randrange(len(edited))] = rng.choice(VOCABULARY)
            texts.append(" ".join(edited))
    texts = list(dict.fromkeys(texts))
    parent = list(range(len(texts)))

    def root(row: int) -> int:
        while parent[row] != row:
            row = parent[row]
        return row

    for a, b in itertools.combinations(range(len(texts)), 2):
        if brute(texts[a], texts[b]) >= 0.8:
            parent[root(b)] = root(a)
    found = near_duplicates([plain(text) for text in texts], DedupConfig())
    got = {d.row: d.survivor for d in found}
    assert len(got) > 20
    kept = set(range(len(texts))) - set(got)
    assert len({root(row) for row in kept}) == len(kept)  # one of every cluster, none lost
    assert all(root(row) == root(survivor) for row, survivor in got.items())
    for duplicate in found:
        expected = brute(texts[duplicate.row], texts[duplicate.survivor])
        assert duplicate.similarity == pytest.approx(expected)
        assert len(texts[duplicate.survivor]) >= len(texts[duplicate.row])


def test_order_of_rows_changes_nothing_but_the_last_tie_break() -> None:
    rng = random.Random(4)
    base = sentence(rng, 40)
    texts = [" ".join([*base[:i], "odd", *base[i + 1 :]]) for i in range(10)]
    prompts = [plain(text, time) for time, text in enumerate(texts)]
    first = near_duplicates(prompts, DedupConfig())
    again = near_duplicates(prompts[::-1], DedupConfig())
    assert {prompts[d.survivor].text for d in first} == {
        prompts[9 - d.survivor].text for d in again
    }
    assert len(first) == len(again) == 9


@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_short_prompts_never_collapse(method: str) -> None:
    rng = random.Random(5)
    texts = {" ".join(sentence(rng, rng.randrange(2, 5))) for _ in range(2000)}
    prompts = [plain(text) for text in sorted(texts)[:1000]]
    assert len(prompts) == 1000
    config = DedupConfig.from_mapping({"method": method})
    assert exact_duplicates(prompts) == []
    assert near_duplicates(prompts, config) == []


@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_few_shot_prompts_with_one_template_and_other_queries_stay(method: str) -> None:
    rng = random.Random(6)
    template = "\n".join(f"Q: {' '.join(sentence(rng, 12))}\nA: yes" for _ in range(12))
    queries = [f"q: {' '.join(sentence(rng, 5))} a:" for _ in range(30)]
    prompts = [plain(f"{template}\n{query}", query=query) for query in queries]
    assert brute(prompts[0].text, prompts[1].text) > 0.8
    config = DedupConfig.from_mapping({"method": method})
    assert near_duplicates(prompts, config) == []
    # The same query with a letter changed is a duplicate still.
    close = "q: " + "banana fritters with honey and a spoon of cream please a:"
    pair = [plain(f"{template}\n{q}", query=q) for q in (close, close.replace("spoon", "spoom"))]
    assert len(near_duplicates(pair, config)) == 1


def test_a_corpus_of_one_template_is_not_melted() -> None:
    """Candidates by the thousand, none of them similar enough."""
    rng = random.Random(7)
    frame = " ".join(sentence(rng, 20))
    prompts = [plain(f"{frame} {' '.join(sentence(rng, 20))}") for _ in range(400)]
    assert near_duplicates(prompts, DedupConfig()) == []


def test_prefix_method_joins_what_shares_a_long_beginning() -> None:
    start = "please write a long and friendly letter to my landlord about the broken heating"
    prompts = [plain(start + " now"), plain(start + " soon"), plain("now " + start)]
    found = near_duplicates(prompts, DedupConfig.from_mapping({"method": "prefix"}))
    assert [(d.row, d.survivor) for d in found] == [(0, 1)]
    assert found[0].similarity == pytest.approx(80 / 84, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=()), max_size=120), max_size=12))
def test_any_unicode_is_compared_without_error(texts: list[str]) -> None:
    prompts = [plain(text) for text in dict.fromkeys(map(normalise, texts))]
    assert exact_duplicates(prompts) == []
    for duplicate in near_duplicates(prompts, DedupConfig(min_words=1)):
        assert duplicate.row != duplicate.survivor
        assert 0 <= duplicate.similarity <= 1


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_share_of_the_common_prefix(start: str, one: str, two: str) -> None:
    left, right = start + one, start + two
    expected = next(
        (at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    assert _prefix_share(left, right) == expected / max(len(left), len(right), 1)
