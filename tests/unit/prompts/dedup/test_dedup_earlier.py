"""Prompts of earlier rounds: recognised by digest and signature, whatever the blocks."""

import dataclasses
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from made_corpus import BINS, MadeCorpus, brute, corpus, edited, sentence

from components.core.errors import BadInput
from components.core.records import Signature, Split
from components.prompts.config import DedupConfig
from components.prompts.dedup import earlier as earlier_module
from components.prompts.dedup.earlier import Earlier
from components.prompts.dedup.published import encoded
from components.prompts.dedup.signatures import SCHEME, digest, estimate, signatures
from components.prompts.text.normalise import normalise


def published(prompts: MadeCorpus, splits: list[Split] | None = None) -> list[Signature]:
    """What a round publishes of its prompts."""
    texts = encoded(prompts.signatures)
    return [
        Signature(
            id=f"old-{row}",
            split=splits[row] if splits else "train",
            digest=digest(text).hex(),
            length=len(text),
            words=int(prompts.words[row]),
            query=digest(prompts.asked[row]).hex() if prompts.asked[row] else "",
            scheme=SCHEME,
            signature=texts[row],
            round="r1",
        )
        for row, text in enumerate(prompts.normal)
    ]


@dataclass
class Matches:
    """The rows that are known, ascending, and what is said of them."""

    rows: list[int]
    ids: list[str]
    similarity: list[float]
    rules: list[str]


def match(
    earlier: Iterable[Signature],
    prompts: MadeCorpus,
    config: DedupConfig | None = None,
    rows: slice = slice(None),
) -> Matches:
    """Some of the prompts beside what was published."""
    known = Earlier.from_rows(earlier, config or DedupConfig(), prompts.tables, prompts.folder)
    start, stop, _ = rows.indices(len(prompts))
    query = f"select * from treated where position >= {start} and position < {stop}"
    table = known.match(query, prompts.files, 64)
    found = prompts.tables.rows(f"select row, earlier, similarity, rule from {table} order by row")
    return Matches(*(list(part) for part in zip(*found, strict=True))) if found else NOTHING


NOTHING = Matches([], [], [], [])


def test_the_same_and_the_similar_are_recognised_and_nothing_else() -> None:
    rng = random.Random(1)
    words = [sentence(rng, 60) for _ in range(4)]
    old = corpus([" ".join(one) for one in words[:3]])
    splits: list[Split] = ["train", "validation", "test"]
    earlier = published(old, splits)
    new = corpus([
        " ".join(words[3]),  # new
        "  ".join(words[2]).upper(),  # the same as row 2
        edited(rng, words[1], 0.03),  # similar to row 1
        edited(rng, words[0], 0.4),  # not similar enough
    ])  # fmt: skip
    found = match(earlier, new)
    assert found.rows == [1, 2]
    assert found.ids == ["old-2", "old-1"]
    assert found.similarity[0] == 1
    exact = brute(new.normal[2], old.normal[1])
    assert found.similarity[1] == pytest.approx(exact, abs=0.1)
    assert found.rules[0] == "digest: same normal form"
    assert found.rules[1] == f"signature: estimated Jaccard {found.similarity[1]:.2f} >= 0.8"


def test_few_words_are_recognised_by_their_digest_only() -> None:
    old = corpus(["write a short poem today", "write a short poem today about the sea please"])
    earlier = published(old)
    new = corpus(["Write a short poem today", "write a short poem todays", old.normal[1] + "s"])
    found = match(earlier, new)
    assert found.rows == [0, 2]
    assert [rule.split(":")[0] for rule in found.rules] == ["digest", "signature"]


def test_few_shot_prompts_with_another_query_are_new() -> None:
    template = " ".join(sentence(random.Random(2), 80))
    old = corpus([f"{template} dog", f"{template} cat"], queries=["dog", "cat"])
    earlier = published(old)
    new = corpus(
        [f"{template} rose", f"{template} so dog", f"{template} oak"], queries=["rose", "dog", ""]
    )
    found = match(earlier, new)
    # The query of row 1 was asked; row 2 has none of its own, so its text alone counts.
    assert found.rows == [1, 2]
    assert found.ids[0] == "old-0"


def test_the_most_similar_counts_and_then_the_first() -> None:
    rng = random.Random(3)
    words = sentence(rng, 100)
    far, near = edited(rng, words, 0.05), edited(rng, words, 0.01)
    old = corpus([far, near, near])
    earlier = published(old)
    assert match(earlier, corpus([" ".join(words)])).ids == ["old-1"]
    assert match(earlier, corpus([near])).ids == ["old-1"]


def test_what_is_found_is_what_all_pairs_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it does not depend on the rows beside one, nor on how many are looked at together."""
    rng = random.Random(4)
    words = [sentence(rng, rng.randrange(8, 80)) for _ in range(150)]
    old = corpus([" ".join(one) for one in words])
    new = corpus(
        [edited(rng, rng.choice(words), rng.choice([0.02, 0.04, 0.1])) for _ in range(300)]
    )
    rows = published(old)
    whole = match(rows, new)
    assert 100 < len(whole.rows) < 300

    every = np.stack([estimate(np.tile(one, (150, 1)), old.signatures) for one in new.signatures])
    similar = np.flatnonzero(every.max(axis=1) >= 0.8)
    assert set(whole.rows) <= set(similar.tolist())
    assert len(similar) - len(whole.rows) <= 1  # bands find 99.7% at 0.8
    assert np.allclose(whole.similarity, every[whole.rows].max(axis=1))

    monkeypatch.setattr(earlier_module, "_BLOCK", 7)
    monkeypatch.setattr(earlier_module, "_PAIRS", 65)
    monkeypatch.setattr(earlier_module, "_MEGABYTE", 50)  # a piece holds 10 rows
    parts = [match(iter(rows), new, rows=slice(at, at + 100)) for at in range(0, 300, 100)]
    assert [one for part in parts for one in part.rows] == whole.rows
    assert [one for part in parts for one in part.ids] == whole.ids
    assert [one for part in parts for one in part.similarity] == whole.similarity


def test_of_a_large_bucket_the_nearest_in_length_are_compared() -> None:
    words = sentence(random.Random(5), 100)
    texts = [" ".join([*words, "x" * at]) for at in range(2, 60, 2)]
    config = DedupConfig(neighbours=2)
    earlier = published(corpus(texts))
    for at in (0, 14, 27):
        found = match(earlier, corpus([texts[at] + " y"]), config)
        assert found.ids[0] in {f"old-{row}" for row in range(at - 2, at + 3)}


def test_a_first_round_has_nothing_to_look_for() -> None:
    assert match([], corpus([" ".join(sentence(random.Random(6), 20))])) == NOTHING
    short = published(corpus(["hi"]))
    assert match(short, corpus(["hi", " ".join(sentence(random.Random(6), 20))])).ids == ["old-0"]
    assert match(short, corpus([])) == NOTHING


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("scheme", "minhash-5gram-8bit:0", r"row 1: scheme: 'minhash-5gram-8bit:0'; expected"),
        ("signature", "AAAA", r"row 1: signature: 3 bins; expected 256"),
    ],
)
def test_signatures_that_cannot_be_compared_are_refused(
    field: str, value: str, expected: str
) -> None:
    rows = published(corpus(["one", "two"]))
    rows[1] = dataclasses.replace(rows[1], **{field: value})
    with pytest.raises(BadInput, match=expected):
        match(rows, corpus([]))


def test_a_published_signature_reads_back() -> None:
    values = signatures([normalise("Write a poem about the sea")], BINS)
    row = published(corpus(["Write a poem about the sea"]))[0]
    assert encoded(values) == [row.signature]
    assert Signature.from_row(row.to_row()) == row
