"""Near-duplicates: known truth, brute force, and what must never collapse."""

import itertools
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_corpus import BINS, MadeCorpus, Outcome, brute, brute_clusters, corpus, edited, sentence

from components.prompts import working_rows
from components.prompts.config import DedupConfig
from components.prompts.dedup import (
    bands,
    candidates,
    components,
    near,
    prefix,
    shingles,
    text_order,
    verify,
)
from components.prompts.dedup.candidates import bucket_pairs
from components.prompts.dedup.components import Components
from components.prompts.dedup.near import near_duplicates, rules_compared
from components.prompts.dedup.prefix import neighbours, prefix_share
from components.prompts.dedup.signatures import band_keys
from components.prompts.text.normalise import normalise
from components.prompts.working_rows import Vectors

PREFIX = DedupConfig.from_mapping({"method": "prefix"})


def found(texts: MadeCorpus, config: DedupConfig | None = None, memory_mb: int = 64) -> Outcome:
    config = config or DedupConfig()
    return texts.outcome(near_duplicates(texts.compared(config), config, memory_mb))


def clustered(rng: random.Random, clusters: int) -> list[str]:
    """Distinct texts, one in two with an edited copy or two around the threshold."""
    texts: list[str] = []
    for _ in range(clusters):
        words = sentence(rng, rng.randrange(8, 90))
        texts.append(" ".join(words))
        texts += [edited(rng, words, rng.choice([0.02, 0.05])) for _ in range(rng.randrange(3))]
    return list(dict.fromkeys(texts))


def test_near_duplicates_are_what_brute_force_finds() -> None:
    texts = clustered(random.Random(3), 120)
    truth = brute_clusters(texts, 0.8)
    clusters = found(corpus(texts))
    dropped = clusters.dropped()
    assert len(dropped) > 60
    kept = set(range(len(texts))) - set(dropped.tolist())
    assert len({truth[row] for row in kept}) == len(kept)  # one of every cluster, none lost
    for row, survivor in enumerate(clusters.stands_for.tolist()):
        assert truth[row] == truth[survivor]
        assert clusters.similarity[row] == pytest.approx(brute(texts[row], texts[survivor]))
        assert len(texts[survivor]) >= len(texts[row])
    assert clusters.rule == "minhash: Jaccard of character 5-grams >= 0.8"


def test_the_longest_stays_then_the_earliest_then_the_first() -> None:
    words = sentence(random.Random(4), 40)
    three = [at for at, word in enumerate(words) if len(word) == 3][:3]
    same = [" ".join([*words[:at], "odd", *words[at + 1 :]]) for at in three]
    assert len({len(text) for text in same}) == 1
    assert found(corpus(same, times=[7, 5, 5])).stands_for.tolist() == [1, 1, 1]
    assert found(corpus(same, times=[5, 5, 5])).stands_for.tolist() == [0, 0, 0]
    longest = [*same, same[0] + " s"]
    assert found(corpus(longest, times=[5, 5, 5, 9])).stands_for.tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_memory_and_blocks_change_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(11)
    texts = clustered(rng, 150)
    config = DedupConfig.from_mapping({"method": method, "prefix_share": 0.3})
    roomy = found(corpus(texts), config, 1024)
    monkeypatch.setattr(shingles, "BLOCK", 700)
    monkeypatch.setattr(shingles, "_PAIRS", 3)
    monkeypatch.setattr(verify, "_PAIRS", 5)
    monkeypatch.setattr(candidates, "_CHUNK", 11)
    monkeypatch.setattr(near, "_MEGABYTE", 20)
    monkeypatch.setattr(prefix, "_READ", 3)
    monkeypatch.setattr(text_order, "_LEAST", 5)
    monkeypatch.setattr(text_order, "_TOGETHER", 1)
    monkeypatch.setattr(text_order, "_READ", 3)
    monkeypatch.setattr(bands, "_BLOCK", 32)
    monkeypatch.setattr(components, "_BLOCK", 5)
    monkeypatch.setattr(components, "_SMALL", 0)
    monkeypatch.setattr(working_rows, "_SMALL", 0)
    monkeypatch.setattr(working_rows, "_READ", 2)
    tight = found(corpus(texts), config, 64)
    assert len(roomy.dropped()) > 10
    assert np.array_equal(roomy.stands_for, tight.stands_for)
    assert np.array_equal(roomy.similarity, tight.similarity)


def test_other_rows_change_no_cluster() -> None:
    rng = random.Random(12)
    texts, others = clustered(rng, 60), clustered(rng, 400)
    alone = found(corpus(texts))
    beside = found(corpus([*texts, *others]))
    assert np.array_equal(alone.stands_for, beside.stands_for[: len(texts)])


def test_order_of_rows_changes_nothing_but_the_last_tie_break() -> None:
    rng = random.Random(13)
    texts = clustered(rng, 60)
    order = rng.sample(range(len(texts)), len(texts))
    times = [rng.randrange(10**6) for _ in texts]  # no ties
    first = found(corpus(texts, times))
    again = found(corpus([texts[at] for at in order], [times[at] for at in order]))
    place = {row: position for position, row in enumerate(order)}
    expected = [place[int(first.stands_for[row])] for row in order]
    assert again.stands_for.tolist() == expected


def test_pairs_found_and_verified_elsewhere_give_the_same_clusters() -> None:
    """As Spark does it: buckets by themselves, no pair skipped, survivors at the end."""
    texts = corpus(clustered(random.Random(14), 100))
    config = DedupConfig()
    here = found(texts)
    rows = texts.compared(config)
    joined = Components(len(rows), rows.folder)
    signed = rows.signatures.between(0, len(rows))
    numbers = np.arange(len(rows))
    for band in range(config.bins // config.rows_per_band):
        keys = band_keys(signed, band, config.rows_per_band)
        for key in np.unique(keys):
            some = numbers[keys == key]
            left, right = bucket_pairs(keys[some], some, some, config.neighbours)
            similar = verify.verify(
                rows.texts, rows.signatures.take, rows.queries, left, right, config
            )
            joined.join(left[similar >= 0], right[similar >= 0])
    elsewhere = texts.outcome(near.clusters(rows, joined, config, 64))
    assert np.array_equal(elsewhere.stands_for, here.stands_for)
    assert np.array_equal(elsewhere.similarity, here.similarity)


def test_a_large_bucket_in_turns_gives_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets that do not fit come in pieces that overlap; every pair of neighbours is in one."""
    rng = np.random.default_rng(3)
    signed = rng.integers(0, 2, (3000, BINS), dtype=np.uint8)
    signed[:, :8] = rng.integers(0, 2, (3000, 1), dtype=np.uint8)  # two buckets in the first band
    config = DedupConfig(neighbours=5)
    monkeypatch.setattr(bands, "_BLOCK", 128)
    found: list[list[tuple[int, int]]] = []
    for memory in (1 << 30, 80 * 200):
        with tempfile.TemporaryDirectory() as folder:
            vectors = Vectors(Path(folder) / "signatures", BINS)
            vectors.extend(signed)
            several = bands.Bands(vectors, config, Path(folder), memory)
            pieces = list(several.pieces(0))
            several.close()
        pairs = []
        for keys, rows, fresh in pieces:
            for left, right in candidates.nearest_first(keys, rows, config.neighbours):
                new = right >= fresh
                pairs += list(zip(left[new].tolist(), right[new].tolist(), strict=True))
        found.append(sorted(pairs))
    assert len(pieces) > 5
    assert max(len(piece.rows) for piece in pieces) < 1000
    assert found[0] == found[1]
    assert len(found[0]) > 14_000


@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_short_prompts_never_collapse(method: str) -> None:
    rng = random.Random(5)
    texts = {" ".join(sentence(rng, rng.randrange(2, 5))) for _ in range(2000)}
    prompts = corpus(sorted(texts)[:1000])
    assert len(prompts) == 1000
    assert len(found(prompts, DedupConfig.from_mapping({"method": method})).dropped()) == 0
    assert len(prompts.compared(DedupConfig())) == 0


@pytest.mark.parametrize("method", ["minhash", "prefix"])
def test_few_shot_prompts_with_one_template_and_other_queries_stay(method: str) -> None:
    rng = random.Random(6)
    template = "\n".join(f"Q: {' '.join(sentence(rng, 12))}\nA: yes" for _ in range(12))
    queries = [f"q: {' '.join(sentence(rng, 5))} a:" for _ in range(30)]
    config = DedupConfig.from_mapping({"method": method})

    def prompts(asked: list[str]) -> MadeCorpus:
        return corpus([f"{template}\n{query}" for query in asked], queries=asked)

    assert brute(*prompts(queries).normal[:2]) > 0.8
    assert len(found(prompts(queries), config).dropped()) == 0
    # The same query with a letter changed is a duplicate still.
    close = "q: banana fritters with honey and a spoon of cream please a:"
    assert len(found(prompts([close, close.replace("spoon", "spoom")]), config).dropped()) == 1


def test_a_corpus_of_one_template_is_not_melted() -> None:
    """Candidates by the thousand, none of them similar enough."""
    rng = random.Random(7)
    frame = " ".join(sentence(rng, 20))
    prompts = corpus([f"{frame} {' '.join(sentence(rng, 20))}" for _ in range(400)])
    assert len(found(prompts).dropped()) == 0


def test_a_chain_is_one_cluster_with_its_ends_apart() -> None:
    words = sentence(random.Random(8), 120)
    texts = [" ".join(words[at : at + 90]) for at in range(0, 31, 2)]
    texts[0] += " and this is the longest"
    assert brute(texts[0], texts[-1]) < 0.8 < brute(texts[0], texts[1])
    clusters = found(corpus(texts))
    assert len(set(clusters.stands_for.tolist())) == 1
    assert clusters.similarity.min() < 0.8


def test_prefix_method_joins_what_shares_a_long_beginning() -> None:
    start = "please write a long and friendly letter to my landlord about the broken heating"
    prompts = corpus([start + " now", start + " soon", "now " + start])
    clusters = found(prompts, PREFIX)
    assert clusters.stands_for.tolist() == [1, 1, 2]
    assert clusters.similarity[0] == pytest.approx(80 / 84)
    assert clusters.rule == "prefix: common prefix >= 0.8 of the longer"


def test_both_rules_are_counted() -> None:
    rng = random.Random(9)
    one, two, three = (sentence(rng, 60) for _ in range(3))
    prompts = corpus([
        " ".join(one), " ".join([*one, "more"]),  # both rules
        " ".join(two), " ".join(["instead", *two]),  # no common prefix
        " ".join(three), " ".join([*three[:48], *sentence(rng, 12)]),  # Jaccard about 48 / 72
    ])  # fmt: skip
    for method in ("minhash", "prefix"):
        config = DedupConfig.from_mapping({"method": method, "prefix_share": 0.75})
        rows = prompts.compared(config)
        compared = rules_compared(rows, config, near_duplicates(rows, config, 64), 64)
        assert (compared.minhash, compared.prefix, compared.both) == (2, 2, 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=120), max_size=12),
    st.sampled_from(["minhash", "prefix"]),
)
def test_any_unicode_is_compared_without_error(texts: list[str], method: str) -> None:
    prompts = corpus(list(dict.fromkeys(map(normalise, texts))))
    clusters = found(prompts, DedupConfig(min_words=1, method=method))
    assert ((clusters.similarity >= 0) & (clusters.similarity <= 1)).all()
    stays = clusters.stands_for
    assert np.array_equal(stays[stays], stays)


def test_nothing_to_compare() -> None:
    for texts in ([], ["a prompt that is alone in its round"]):
        for config in (DedupConfig(), PREFIX):
            assert len(found(corpus(texts), config).dropped()) == 0


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_share_of_the_common_prefix(start: str, one: str, two: str) -> None:
    left, right = start + one, start + two
    expected = next(
        (at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    assert prefix_share(left, right) == expected / max(len(left), len(right), 1)


def test_neighbours_are_those_of_a_plain_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(15)
    letters = "ab\U0001f600\ue000\xe4 "
    texts = ["".join(rng.choice(letters) for _ in range(rng.randrange(1, 8))) for _ in range(90)]
    texts += [texts[0], texts[0]]
    monkeypatch.setattr(prefix, "_READ", 7)
    monkeypatch.setattr(text_order, "_LEAST", 2)
    monkeypatch.setattr(text_order, "_TOGETHER", 1)
    made = corpus(texts)
    rows = made.compared(DedupConfig(min_words=1))
    numbers = np.arange(len(rows))
    pieces = list(neighbours(rows))
    got = [
        pair
        for left, right, _ in pieces
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    ]
    normal = rows.texts(numbers)
    ordered = sorted(numbers.tolist(), key=lambda number: (normal[number], number))
    assert got == list(itertools.pairwise(ordered))
    assert len(pieces) > 5
