"""Rounds: what an earlier one published is not used again, in no split; a rerun is no round."""

import random
from pathlib import Path

from small_stages import published, run_small

from components.core.dataset import open_manifest, read_records
from components.core.records import Message, Prompt, RawPrompt, Reject, Signature
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.split import split_of
from components.prompts.stage import STAGE

CONFIG = PromptsConfig()
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "rt", "lm", "st")]


def users(split: str, count: int) -> list[str]:
    """Users whom the config sends to a split."""
    shares = CONFIG.split_key, CONFIG.validation_share, CONFIG.test_share
    named = (f"{split} {number}" for number in range(10_000))
    found = (user for user in named if split_of(user, *shares) == split)
    return [next(found) for _ in range(count)]


def text(seed: int) -> list[str]:
    return random.Random(seed).choices(WORDS, k=60)


def edited(words: list[str]) -> list[str]:
    """One word of sixty is another: about 0.94 of the 5-grams are common."""
    return [*words[:30], "otherwise", *words[31:]]


def raw(name: str, user: str, words: list[str], time: int = 0) -> RawPrompt:
    message = Message("user", " ".join(words))
    return RawPrompt(name, user, "api", "plain", (message,), time)


class Rounds:
    """Runs round after round on one storage."""

    def __init__(self, storage: Storage, root: str, folder: Path) -> None:
        self.storage, self.root, self.folder = storage, root, folder
        self.runs = 0

    def run(
        self, rows: list[RawPrompt], earlier: str | list[str] = "", config: PromptsConfig = CONFIG
    ) -> dict[str, str]:
        self.runs += 1
        inputs = {
            "raw_prompts": published(self.storage, self.root, "raw_prompts", rows),
            "earlier": earlier,
        }
        workdir = self.folder / str(self.runs)
        outputs, _, _ = run_small(STAGE, config, inputs, self.storage, self.root, workdir)
        return outputs.references

    def prompts(self, references: dict[str, str]) -> dict[str, Prompt]:
        rows = read_records(self.storage, references["prompts"], Prompt)
        return {prompt.id: prompt for prompt in rows}

    def rejects(self, references: dict[str, str]) -> dict[str, Reject]:
        rows = read_records(self.storage, references["rejects"], Reject)
        return {reject.id: reject for reject in rows}

    def signatures(self, references: dict[str, str]) -> list[Signature]:
        return list(read_records(self.storage, references["signatures"], Signature))


def test_near_duplicates_of_other_splits_do_not_stay_within_a_round(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rounds = Rounds(storage, root, tmp_path)
    rows = []
    for number, (train, test) in enumerate(zip(users("train", 8), users("test", 8), strict=True)):
        # The longer one of a pair stays: now that of the test user, now the other.
        pair = sorted(
            [text(number), edited(text(number))],
            key=lambda words: len(" ".join(words)),
            reverse=number % 2 == 0,
        )
        rows.append(raw(f"test-{number}", test, pair[0]))
        rows.append(raw(f"train-{number}", train, pair[1]))
    done = rounds.run(rows)
    kept = rounds.prompts(done)
    # One of each pair stays; whichever it is, nothing like it is in another split.
    assert len(kept) == 8
    assert {name.rpartition("-")[2] for name in kept} == {str(number) for number in range(8)}
    assert {prompt.split for prompt in kept.values()} == {"train", "test"}


def test_near_duplicates_of_held_out_prompts_stay_out_of_train_in_later_rounds(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rounds = Rounds(storage, root, tmp_path)
    held_out = [*users("test", 5), *users("validation", 5)]
    first = rounds.run([raw(f"one-{n}", user, text(n)) for n, user in enumerate(held_out)])
    assert {p.split for p in rounds.prompts(first).values()} == {"test", "validation"}

    train = users("train", 12)
    near = [raw(f"two-{n}", train[n], edited(text(n))) for n in range(10)]
    fresh = [raw(f"two-{n}", train[n], text(n)) for n in (10, 11)]
    second = rounds.run(near + fresh, first["signatures"])
    assert set(rounds.prompts(second)) == {"two-10", "two-11"}
    rejects = rounds.rejects(second)
    for n in range(10):
        reject = rejects[f"two-{n}"]
        assert (reject.reason, reject.survivor) == ("earlier_round", f"one-{n}")
        assert reject.rule.startswith("signature")
        assert reject.similarity is not None
        assert reject.similarity > 0.85
    # Without the earlier round's signatures all of them would be trained on.
    alone = rounds.run(near + fresh)
    assert len(rounds.prompts(alone)) == 12


def test_one_reference_carries_all_rounds(storage: Storage, root: str, tmp_path: Path) -> None:
    rounds = Rounds(storage, root, tmp_path)
    user = users("train", 1)[0]
    done, before = {}, ""
    for number in range(3):
        rows = [raw(f"r{number}-{n}", user, text(10 * number + n)) for n in range(3)]
        # What the first round published comes again in every later one, by its digest ...
        again = [raw(f"r{number}-again", user, text(0))] if number else []
        done = rounds.run([*rows, *again], before)
        assert len(rounds.prompts(done)) == 3
        for reject in rounds.rejects(done).values():
            assert (reject.survivor, reject.similarity) == ("r0-0", 1.0)
            assert reject.rule.startswith("digest")
        before = done["signatures"]
    # ... though each round was told of the one before it only.
    rows = rounds.signatures(done)
    assert [row.id for row in rows] == [f"r{number}-{n}" for number in range(3) for n in range(3)]
    assert len({row.round for row in rows}) == 3
    assert open_manifest(storage, done["signatures"]).contract == "signatures@1"


def test_rounds_that_ran_side_by_side_are_joined(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rounds = Rounds(storage, root, tmp_path)
    user = users("train", 1)[0]
    first = rounds.run([raw("a", user, text(1))])["signatures"]
    left = rounds.run([raw("b", user, text(2))], first)["signatures"]
    right = rounds.run([raw("c", user, text(3))], first)["signatures"]
    last = rounds.run([raw(f"d{n}", user, text(n)) for n in (1, 2, 3, 4)], [left, right])
    assert set(rounds.prompts(last)) == {"d4"}
    assert [row.id for row in rounds.signatures(last)] == ["a", "b", "c", "d4"]


def test_a_rerun_is_no_later_round(storage: Storage, root: str, tmp_path: Path) -> None:
    """A run that was killed after it published signatures may be started again with ``latest``."""
    rounds = Rounds(storage, root, tmp_path)
    user = users("train", 1)[0]
    first = rounds.run([raw("a", user, text(1))])
    rows = [raw("b", user, text(2)), raw("c", user, text(1))]
    second = rounds.run(rows, first["signatures"])
    assert rounds.run(rows, second["signatures"]) == second


def test_pseudonyms_of_another_round_are_recognised(
    storage: Storage, root: str, tmp_path: Path
) -> None:
    rounds = Rounds(storage, root, tmp_path)
    pseudonymise = PromptsConfig.from_mapping({"pii": {"policy": {"EMAIL": "pseudonymise"}}})
    words = ["ask", "jo@example.org", "and", "al@example.org", "please"]
    first = rounds.run([raw("a", "u1", words)], config=pseudonymise)
    other = ["ask", "bo@example.net", "and", "bo@example.net", "please"]
    for config in (pseudonymise, CONFIG):
        rows = [raw("b", "u2", words), raw("c", "u3", other)]
        second = rounds.run(rows, first["signatures"], config)
        # One address twice is not two: another prompt.
        assert [*rounds.prompts(second)] == ["c"]
    # The key of a round is its own, and published texts have its pseudonyms.
    again = rounds.run([raw("a", "u1", words)], config=pseudonymise)
    assert first["prompts"] != again["prompts"]
    assert first["signatures"] == again["signatures"]
