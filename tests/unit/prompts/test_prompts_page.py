"""The audit's figures by hand, the same as metrics, and a page that says all of them to all."""

import re
from collections import Counter, defaultdict
from html.parser import HTMLParser
from typing import Any

import pytest

from components.core.records import Kind, Message, Prompt, Reject, Source, Split
from components.prompts.pii.canaries import Recall
from components.prompts.pii.redact import Finding
from components.prompts.report.audit import Count, Kept, Located, Rejected, audit
from components.prompts.report.headline import distance, headline
from components.prompts.report.page import page


def prompt(number: int, user: str, source: Source, split: Split, tokens: int, case: str) -> Prompt:
    kind: Kind = "plain"
    return Prompt(
        f"p{number}", user, source, kind, (Message("user", "SECRET TEXT"),), 0, split, tokens,
        f"c{number}", case, "en" if number else "und", (),
    )  # fmt: skip


def reject(row: int, reason: str, survivor: str = "") -> Reject:
    return Reject(f"r{row}", "o", row, reason, f"{reason}: <rule> & more", survivor, None)


KEPT = [
    prompt(0, "u1", "api", "train", 4, "chat"),
    prompt(1, "u1", "api", "train", 10, "chat"),
    prompt(2, "u2", "labeler", "train", 100, "generation"),
    prompt(3, "u3", "api", "test", 1024, "rewrite"),
]
REJECTS = [
    *(reject(row, "duplicate", "p1") for row in range(4, 7)),
    reject(7, "duplicate", "p3"),
    reject(8, "too_long"),
    reject(9, "strange_reason"),
]
FOUND = [
    Located("p0", "train", Finding("EMAIL", "email.address", "redact")),
    Located("p0", "train", Finding("EMAIL", "email.address", "redact")),
    Located("p3", "test", Finding("EMAIL", "email.said", "redact")),
    Located("r8", "train", Finding("CARD", "card.luhn", "drop")),
]


def counted(prompts: list[Prompt]) -> Kept:
    """What prompts at hand are like."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in prompts:
        for group in (("", ""), (one.split, ""), (one.split, one.source)):
            groups[group].append(one.user_id)
    return Kept(
        tokens=Counter(one.tokens for one in prompts),
        people={group: Count(len(users), len(set(users))) for group, users in groups.items()},
        languages=Counter(one.language for one in prompts),
        use_cases=Counter(one.use_case for one in prompts),
    )


def dropped(rejects: list[Reject]) -> Rejected:
    """Why rejects at hand were dropped; all survivors were kept."""
    stood_for = Counter(one.survivor for one in rejects if one.survivor)
    return Rejected(
        Counter((one.reason, one.rule) for one in rejects),
        Counter(1 + count for count in stood_for.values()),
    )


def made(found: int = 3, kept: list[Prompt] = KEPT, rejects: list[Reject] = REJECTS) -> Any:
    recall = Recall({"EMAIL": 3}, {"EMAIL": found}, ())
    return audit(
        len(kept) + len(rejects), counted(kept), dropped(rejects), FOUND, recall,
        {"tokens": "hand", "language": "hand"},
    )  # fmt: skip


def test_counts_by_hand() -> None:
    report = made()
    assert (report["raw"], report["kept"], report["clusters"], report["users"]) == (10, 4, 2, 3)
    assert report["rejected"] == {"duplicate": 4, "strange_reason": 1, "too_long": 1}
    assert report["cluster_sizes"] == {"<3": 1, "3-4": 1, "5-9": 0, "10-49": 0, "50+": 0}
    train = report["splits"]["train"]
    assert (train["prompts"], train["users"]) == (3, 2)
    assert train["sources"]["api"] == {"prompts": 2, "users": 1}
    assert train["sources"]["labeler"] == {"prompts": 1, "users": 1}
    assert report["splits"]["validation"]["sources"]["api"] == {"prompts": 0, "users": 0}
    tokens = report["tokens"]
    assert (tokens["median"], tokens["max"]) in {(10, 1024), (100, 1024)}
    assert [tokens["bins"][name] for name in ("<8", "8-15", "64-127", "1024+")] == [1, 1, 1, 1]
    assert report["languages"] == {"en": 3, "und": 1}


def test_rules_are_counted_without_what_they_say_of_one_row() -> None:
    rule = "signature: estimated Jaccard {} >= 0.8"
    rules = {("earlier_round", rule.format(share)): 2 for share in ("0.91", "0.875", "1.0")}
    rules["pii", "pii: holds CARD"] = 1
    recall = Recall({}, {}, ())
    report = audit(7, counted([]), Rejected(rules, {}), [], recall, {})
    assert report["rules"] == {
        "earlier_round: signature: estimated Jaccard >= 0.8": 6,
        # The reason is not said twice.
        "pii: holds CARD": 1,
    }


def test_metrics_are_the_audits_numbers() -> None:
    figures = headline(made())
    assert figures["kept_share"] == 0.4
    assert figures["rejected.duplicate"] == 4
    assert figures["prompts.train"] == figures["prompts.train.api"] + 1
    assert figures["users.test"] == 1
    assert figures["use_case.chat"] == 0.5
    assert figures["english_share"] == 0.75
    assert figures["pii.EMAIL.redact"] == 3
    assert figures["pii.CARD.drop"] == 1
    assert (figures["pii_canaries_planted"], figures["pii_canaries_found"]) == (3, 3)
    assert sum(v for k, v in figures.items() if k.startswith("use_case.")) == pytest.approx(1)
    assert all(isinstance(value, int | float) for value in figures.values())


def test_distance_to_the_papers_use_cases() -> None:
    report = made()
    for case in report["use_cases"].values():
        case["share"] = case["paper"] / 0.999
    assert distance(report) == pytest.approx(0, abs=1e-9)
    for name, case in report["use_cases"].items():
        case["share"] = float(name == "extract")
    assert distance(report) == pytest.approx(1 - 0.019 / 0.999)


def test_nothing_kept_and_nothing_dropped_have_a_page() -> None:
    for report in (made(kept=[], rejects=REJECTS), made(rejects=[]), made(kept=[], rejects=[])):
        Reader().feed(page(report))


class Reader(HTMLParser):
    """Checks that elements nest, and collects text and attributes."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += f" {data}"


def test_the_page_is_whole_self_contained_and_says_every_number_in_text() -> None:
    html = page(made(found=2))
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    tags = [tag for tag, _ in reader.elements]
    assert tags.count("h1") == tags.count("main") == 1
    assert not {"script", "img", "link", "iframe"} & set(tags)
    assert not re.search(r"https?:|url\(|@import", html)
    assert ("html", {"lang": "en"}) in reader.elements
    assert "prefers-color-scheme:dark" in html
    assert "@media print" in html
    bars = [attrs for tag, attrs in reader.elements if attrs.get("class") == "bars"]
    assert bars
    assert all(attrs.get("aria-hidden") == "true" for attrs in bars)
    text = " ".join(reader.text.split())
    for said in (
        "4 of 10 prompts kept", "−4 40.0%", "strange_reason −1", "2 of 3 were found",
        "Missed some: EMAIL 2 of 3", "chat 50.0% 8.4%", "train 3 75.0% 2 2 1 1 1",
        "EMAIL redact 2 0 1 3 2", "counted by hand",
    ):  # fmt: skip
        assert said in text, said
    assert "duplicate: <rule> & more" in text
    assert "<rule>" not in html
    assert "SECRET TEXT" not in html


def test_both_rules_for_near_duplicates_are_told_where_both_were_tried() -> None:
    assert "common prefixes" not in page(made())
    report = made() | {"compared": {"minhash": 1234, "prefix": 77, "both": 70}}
    figures = headline(report)
    assert [figures[f"near_{rule}"] for rule in ("minhash", "prefix", "both")] == [1234, 77, 70]
    html = page(report)
    assert "MinHash: 1,234" in html
    assert "prefixes: 77; by both: 70" in html


def test_the_funnel_ends_where_what_is_kept_ends() -> None:
    html = page(made())
    ends = [
        float(start or 0)
        for start in re.findall(r'bar lost" style="width:[\d.]+%(?:;margin-left:([\d.]+)%)?', html)
    ]
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == 40.0
