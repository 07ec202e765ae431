"""From source rows to rows of a dataset: mapped, brought into type, held against the contract.

Each item becomes a good row or a reject with its reason; none is lost, so the counts add up.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from components.core.config import canonical_json
from components.core.records import Record, Reject
from components.prompts.row_ids import person_in
from data_contracts.contract import Contract, UniqueTogether
from data_contracts.rules import Broken, first_broken
from pipelines.layouts import (
    DOCUMENT_SPLIT,
    RANKING_SPLIT,
    Item,
    Layout,
    LayoutError,
    split_of,
)
from pipelines.mapping import FieldMapping, coerce
from pipelines.source_rows import SourceRow, file_digest, read_rows

#: What a row says where neither the file nor ``--map`` does.
DEFAULTS: dict[str, dict[str, Any]] = {
    "raw_prompts": {"source": "api", "kind": "plain", "time": 0},
    "demonstrations": {"labeler": "unknown"},
    "rankings": {"labeler": "unknown", "labeler_group": "training"},
}


class NoRows(Exception):
    """Every row was rejected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands."""

    #: What rejects call the file, and sha256 of the whole of it.
    origin: str
    file: str
    row: int
    #: Its number among the items of its row, where there are several: ``.0``, ``.1`` ...
    item: str

    @property
    def id(self) -> str:
        """For an item that brings none.

        Ids are published, and a hash of the row would confirm guesses at it (whose prompt? which
        redacted number?). A place confirms none, and the digest of the file tells no more than the
        dataset's own, which stands in its public reference. Zeros in front keep the row's number
        from being a user's id by chance.
        """
        return f"{self.file[:12]}-{self.row:09d}{self.item}"


def origins(files: Sequence[Path]) -> list[str]:
    """What rejects call the files: by name, or by number where a name may be a person's.

    Of files with one name the later ones have their number behind it.
    """
    found: list[str] = []
    for number, file in enumerate(files, 1):
        name = "" if person_in(file.name, "") else printable(file.name)[:2000]
        if not name or name in found:
            name = f"{name} file {number}".strip()
        found.append(name)
    return found


@dataclass
class Intake:
    """Turns source rows into good rows, and keeps account of the others."""

    contract: Contract
    mapping: FieldMapping
    #: Rejects wait on disk, so that a file of nothing but bad rows needs no memory.
    spool: IO[str]
    rows_in: int = 0
    rows_out: int = 0
    rows_earlier: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    _seen: set[bytes] = field(default_factory=set)
    #: Of the rows that are appended to, all but their ids.
    _contents: set[bytes] = field(default_factory=set)
    _columns: set[str] = field(default_factory=set)

    def rows(self, files: Sequence[Path], layout: Layout) -> Iterator[dict[str, Any]]:
        """Good rows of all files in order. Raises UserError at the end for columns never found."""
        for file, origin in zip(files, origins(files), strict=True):
            digest = file_digest(file)
            for source in read_rows(file):
                items = self._items(source, layout)
                for number, item in enumerate(items):
                    self.rows_in += 1
                    named = f".{number}" if len(items) > 1 else ""
                    row = self._finish(Place(origin, digest, source.number, named), source, item)
                    if isinstance(row, Reject):
                        self.rejected[row.reason] += 1
                        self.spool.write(canonical_json(row.to_row()) + "\n")
                    else:
                        self.rows_out += 1
                        yield row
        if self._columns:
            self.mapping.check_found(self._columns)
        if not self.rows_out and not self.rows_earlier:
            raise NoRows

    def earlier(self, existing: Iterable[Record]) -> Iterator[Record]:
        """Rows that are appended to: they were good already, and their ids are taken."""
        for record in existing:
            row = record.to_row()
            self._repeated(row)
            self._contents.add(_content(row))
            self.rows_earlier += 1
            yield record

    def rejects(self) -> Iterator[Reject]:
        """What was rejected, in the order of the files."""
        self.spool.seek(0)
        for line in self.spool:
            yield Reject.from_row(json.loads(line))

    def _items(self, source: SourceRow, layout: Layout) -> list[Item]:
        if source.reason:
            return [Item({}, source.reason, source.rule)]
        self._columns |= set(source.value)
        try:
            # A whole row is in memory anyway, and a row that turns out bad must not be half used.
            return list(layout(self.contract.name, source.value))
        except LayoutError as error:
            return [Item({}, "malformed", str(error))]
        except (AttributeError, TypeError, KeyError):
            return [Item({}, "malformed", "row has the layout's form")]

    def _finish(self, place: Place, source: SourceRow, item: Item) -> dict[str, Any] | Reject:
        """A row that keeps the contract, or its reject."""
        reject = partial(_reject, self.contract, place)
        if item.reason:
            return reject(item.row, item.reason, item.rule)
        raw = item.row | self.mapping.apply(source.value)
        row = {f.name: coerce(f, raw.get(f.name, f.default)) for f in self.contract.fields}
        for name, value in DEFAULTS.get(self.contract.name, {}).items():
            if row[name] is None and name not in self.mapping.columns:
                row[name] = value
        brought_id = row.get("id", "") is not None
        if not brought_id:
            row["id"] = place.id
        self._fill(row)
        if isinstance(row.get("ranks"), dict) and (wrong := _align(row, row["ranks"])):
            return reject(row, *wrong)
        if broken := first_broken(self.contract, row):
            return reject(row, reason_of(broken, row), broken.label)
        if self.contract.name == "raw_prompts" and (person := person_in(row["id"], row["user_id"])):
            return reject(row, "personal_id", f"id: does not hold {person}")
        if not brought_id and self._is_repetition(place, source, row):
            return reject(row, "duplicate", "row: unique")
        if repeated := self._repeated(row):
            return reject(row, f"duplicate_{repeated}", f"{repeated}: unique")
        return row

    def _fill(self, row: dict[str, Any]) -> None:
        """Prompt ids by content and splits by hash, where none were given.

        Hashes of text stand beside that text and nowhere else: without it they would be hints.
        """
        if "prompt_id" in row and row["prompt_id"] is None and "messages" in row:
            row["prompt_id"] = _content_id(row["messages"])
        if "split" in row and row["split"] is None:
            # By content, so that the same text under two ids cannot be in two splits.
            group = row.get("text") or row.get("messages") or row["id"]
            percent = DOCUMENT_SPLIT if self.contract.name == "pretraining" else RANKING_SPLIT
            row["split"] = split_of(_content_id(group), percent)

    def _is_repetition(self, place: Place, source: SourceRow, row: dict[str, Any]) -> bool:
        """Whether a row without an id stood in a file before, or in what is appended to."""
        digest = _digest([source.value, place.item])
        known = digest in self._seen or _content(row) in self._contents
        self._seen.add(digest)
        return known

    def _repeated(self, row: dict[str, Any]) -> str:
        """The first key that an earlier row has too; "" for none, and then this row's are taken."""
        keys: list[tuple[str, ...]] = [(f.name,) for f in self.contract.fields if f.unique]
        keys += [r.fields for r in self.contract.rules if isinstance(r, UniqueTogether)]
        digests = []
        for names in keys:
            digest = _digest([names, [row[name] for name in names]])
            if digest in self._seen:
                return "_".join(names)
            digests.append(digest)
        self._seen.update(digests)
        return ""


def _digest(value: object) -> bytes:
    """For comparisons in memory; never written."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _content(row: dict[str, Any]) -> bytes:
    return _digest({name: value for name, value in row.items() if name != "id"})


def _reject(
    contract: Contract, place: Place, row: dict[str, Any], reason: str, rule: str
) -> Reject:
    identity, user = row.get("id"), row.get("user_id")
    if not isinstance(user, str):
        user = ""
    # Of an id without a user nobody can tell whose it holds.
    known = user.strip() or all(field.name != "user_id" for field in contract.fields)
    shown = known and isinstance(identity, str) and not person_in(identity, user)
    return Reject(
        id=printable(str(identity))[:300] if shown else "",
        origin=place.origin,
        row=place.row,
        reason=reason,
        rule=rule[:500],
        survivor="",
        similarity=None,
    )


def printable(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _content_id(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _align(row: dict[str, Any], ranks: dict[str, Any]) -> tuple[str, str] | None:
    """Ranks that came as ``{output id: rank}``, in the outputs' order; or what is wrong."""
    outputs = row.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(o, dict) for o in outputs):
        return "bad_outputs", "outputs: type list"
    known = [str(output.get("id")) for output in outputs]
    if set(ranks) - set(known):
        return "unknown_output", "ranks: every id is that of an output"
    if set(known) - set(ranks):
        return "unranked_output", "ranks: every output has one"
    row["ranks"] = [ranks[identity] for identity in known]
    return None


def reason_of(broken: Broken, row: dict[str, Any]) -> str:
    """A machine word for a broken rule."""
    parts = broken.path.replace("[]", "").split(".")
    missing = broken.kind == "required" or (broken.kind == "length" and not row.get(parts[0]))
    by_kind = {
        "same_length": "rank_count",
        "within_length": "bad_ranks",
        "distinct_items": f"duplicate_{parts[0].removesuffix('s')}",
        "unknown": "unknown_field",
    }
    if parts[0] == "messages":
        if missing or broken.label.endswith("not blank"):
            return "empty_prompt"
        if broken.kind == "last_item":
            return "last_turn_not_user"
    if missing:
        return f"too_few_{parts[0]}" if parts[0] in ("outputs", "ranks") else f"missing_{parts[-1]}"
    if broken.kind == "not_blank":
        return f"empty_{parts[-1]}"
    if broken.kind == "length":
        return "too_few_outputs" if parts[0] in ("outputs", "ranks") else "too_long"
    return by_kind.get(broken.kind, f"bad_{parts[-1]}")
