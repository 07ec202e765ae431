"""Near-duplicates: candidates, verification, clusters, and the row that stays of each.

1. Candidates: MinHash-LSH over character 5-grams (or neighbours in sorted order, method "prefix").
2. Verification of every candidate pair.
3. Clusters: connected components of the pairs that hold.
4. Survivor of a cluster: the longest row, then the earliest, then the first (``exact.SURVIVOR``).

Rows of few words have exact duplicates only: the corpus leaves them out.
"""

from dataclasses import dataclass
from typing import Literal

from components.prompts.config import DedupConfig
from components.prompts.dedup import prefix
from components.prompts.dedup.components import Components
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.exact import SURVIVOR
from components.prompts.dedup.joining import Joining
from components.prompts.dedup.shingles import ShingleSets
from components.prompts.dedup.verify import similar_queries

_MEGABYTE = 1 << 20
#: What each method finds stands in a table of its own: ``row``, ``survivor`` and the ``similarity``
#: of the two. Members that others connect to their survivor may be less similar to it than the
#: threshold.
Method = Literal["minhash", "prefix"]
_NEAR = {"minhash": "near_minhash", "prefix": "near_prefix"}
_COLUMNS = "row bigint, survivor bigint, similarity double"
#: The members of each cluster but its survivor, by number and by row.
_PAIRS = {
    "by_number": """select number, survivor from members join survivors using (root)
        where number <> survivor""",
    "with_row": "select b.*, row from by_number as b join compared using (number)",
    "clustered": """select w.number, w.survivor, w.row, c.row as survivor_row
        from with_row as w join compared as c on c.number = w.survivor""",
}


@dataclass(frozen=True)
class Clusters:
    """Clusters of near-duplicates."""

    #: The table of the rows that another one stands for.
    table: str
    #: For people: the rule and its threshold.
    rule: str


@dataclass(frozen=True)
class Compared:
    """How many rows each rule drops, and how many both do."""

    minhash: int
    prefix: int
    both: int


def near_duplicates(corpus: Corpus, config: DedupConfig, memory_mb: int) -> Clusters:
    """Clusters of near-duplicates.

    ``memory_mb`` bounds texts, signatures, keys, shingles and known pairs in memory. It changes the
    time and nothing else.
    """
    memory = memory_mb * _MEGABYTE
    components = Components(len(corpus), corpus.folder)
    if config.method == "prefix":
        _join_prefixes(corpus, config, components)
        return clusters(corpus, components, config, memory_mb)
    sets = ShingleSets(corpus.texts, memory // 4)
    Joining(corpus, config, components, sets, memory).join()
    return clusters(corpus, components, config, memory_mb, sets)


def clusters(
    corpus: Corpus,
    components: Components,
    config: DedupConfig,
    memory_mb: int,
    sets: ShingleSets | None = None,
) -> Clusters:
    """The last step by itself, where pairs were found and verified elsewhere.

    ``sets`` are shingles that were read on the way.
    """
    tables, table = corpus.tables, _NEAR[config.method]
    tables.create("members", "number bigint, root bigint")
    for numbers, roots in components.members():
        tables.append("members", {"number": numbers, "root": roots})
    tables.run("insert into members select distinct root, root from members")
    tables.run(
        f"""create or replace table survivors as
        select root, arg_min(number, {SURVIVOR}) as survivor
        from members join compared using (number) group by root"""
    )
    tables.create(table, _COLUMNS)
    sets = sets or ShingleSets(corpus.texts, memory_mb * _MEGABYTE // 4)
    tables.steps(_PAIRS)
    tables.drop("members", "survivors")
    # By survivor: what is read of it serves all its cluster.
    for batch in tables.stream("from clustered order by survivor, number"):
        gone, stays = (batch.column(name).to_numpy() for name in ("number", "survivor"))
        if config.method == "prefix":
            similarity = prefix.prefix_shares(corpus.texts, stays, gone)
        else:
            similarity = sets.jaccard(stays, gone)
        found = {"row": batch.column("row"), "survivor": batch.column("survivor_row")}
        tables.append(table, found | {"similarity": similarity})
    tables.drop("clustered")
    return Clusters(table, _rule(config))


def _rule(config: DedupConfig) -> str:
    if config.method == "prefix":
        return f"prefix: common prefix >= {config.prefix_share:g} of the longer"
    return f"minhash: Jaccard of character 5-grams >= {config.similarity:g}"


def rules_compared(
    corpus: Corpus, config: DedupConfig, found: Clusters, memory_mb: int
) -> Compared:
    """What the other rule would have dropped, beside what this one did: both are reported."""
    other: Method = "minhash" if config.method == "prefix" else "prefix"
    there = near_duplicates(corpus, config.model_copy(update={"method": other}), memory_mb)
    tables = corpus.tables
    counts = {
        method: tables.number(f"select count(*) from {each.table}")
        for method, each in ((config.method, found), (other, there))
    }
    both = f"select count(*) from {found.table} semi join {there.table} using (row)"
    return Compared(counts["minhash"], counts["prefix"], tables.number(both))


def _join_prefixes(corpus: Corpus, config: DedupConfig, components: Components) -> None:
    for left, right, share in prefix.neighbours(corpus):
        same = share >= config.prefix_share
        left, right = left[same], right[same]
        alike = similar_queries(corpus.queries, left, right, config.similarity)
        components.join(left[alike], right[alike])
