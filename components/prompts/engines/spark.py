"""The same maps on Spark; the same result to the byte.

1. ``look`` and ``treat`` run through ``mapInArrow``. What goes in is a stretch of row numbers: each
   task reads its rows of the published dataset itself, with the credentials of its environment, so
   no secret goes through Spark's config, plans or logs.
2. What comes out are whole Arrow batches, one to a row of Spark's table. The driver takes them in
   the order of the rows and writes working rows to its disk, as the other engine does.
3. Near-duplicates: rows are grouped by (band, slot of keys), candidates found in each group
   (``applyInArrow``), pairs joined with their texts and verified by the same kernel. Only pairs
   that hold come to the driver, which joins them to clusters.

Spark's own functions see numbers and bytes only: its ``lower`` and ``hash`` are not Python's.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.core.dataset import check, open_manifest
from components.core.errors import BadInput, UserError
from components.core.storage import Storage
from components.prompts.config import SparkConfig
from components.prompts.dedup.components import Components
from components.prompts.dedup.corpus import Corpus
from components.prompts.dedup.near import Clusters, clusters, near_duplicates
from components.prompts.engines import spark_maps as maps
from components.prompts.engines.spark_maps import Batches, Map
from components.prompts.treat import Canary, Recipe, Treatment
from components.prompts.working_rows import Marks

#: Pairs from numbers of raw rows to those by which rows are compared.
_NUMBERS = {
    "half_numbered": """select c.number as one, two
        from pairs join compared as c on c.row = pairs.one""",
    "numbered": """select one, c.number as two
        from half_numbered as h join compared as c on c.row = h.two""",
}
#: Where the packages lie, for the workers of a local master.
_TOP = Path(__file__).parents[3]


@contextlib.contextmanager
def spark_engine(storage: Storage, reference: str, recipe: Recipe) -> Iterator["SparkEngine"]:
    """An engine on the session that is there, or on one of its own that ends with it.

    Raises UserError where Spark or Java is missing, and for what a worker told the user.
    """
    check(storage, reference)
    Treatment(recipe)  # What is wrong with the config is told here, and not from a worker.
    config = recipe.config.spark
    session, own = _session(config)
    from pyspark.errors import PythonException

    rows = open_manifest(storage, reference).rows
    engine = SparkEngine(session, maps.Stretches(reference, rows, config.partitions), recipe)
    try:
        yield engine
    except PythonException as error:
        raise _told(error) from None
    finally:
        engine.release()
        if own:
            session.stop()


class SparkEngine:
    """Runs the maps on a Spark session."""

    def __init__(self, session: Any, stretches: maps.Stretches, recipe: Recipe) -> None:
        self._session = session
        self._stretches = stretches
        self._recipe = recipe
        self._treated: Any = None

    def look(self) -> Batches:
        """Facts of all raw rows, in their order."""
        table = self._over_pieces(maps.looking(self._stretches, self._recipe.config))
        yield from _in_order(table)
        table.unpersist()

    def treat(self, stays: Marks, canaries: tuple[Canary, ...]) -> Batches:
        """The rows that stay, treated, in their order, canaries among them."""
        run = maps.treating(self._stretches, stays, canaries, self._recipe)
        self._treated = self._over_pieces(run)
        yield from _in_order(self._treated)

    def near_duplicates(self, rows: Corpus) -> Clusters:
        """Clusters of near-duplicates. The paper's rule needs all texts in order: on the driver."""
        config, memory_mb = self._recipe.config.dedup, self._recipe.config.half_mb
        if config.method == "prefix":
            return near_duplicates(rows, config, memory_mb)
        tables = rows.tables
        chosen = Marks.of(self._stretches.rows, tables.stream("select row from compared"))
        pairs = (
            self._treated.mapInArrow(
                maps.banding(chosen, config, self._stretches.pieces),
                "band int, slot int, key long, row long, length long",
            )
            .groupBy("band", "slot")
            .applyInArrow(maps.pairing(config.neighbours), "left long, right long")
            .distinct()
        )
        texts = self._treated.mapInArrow(
            maps.texts(chosen), "row long, text string, query string, signature binary"
        )
        sides = [
            texts.withColumnsRenamed(
                {"row": side} | {name: f"{side}_{name}" for name in ("text", "query", "signature")}
            )
            for side in ("left", "right")
        ]
        joined = pairs.join(sides[0], "left").join(sides[1], "right")
        verified = joined.mapInArrow(maps.verifying(config), "data binary").persist()
        tables.create("pairs", "one bigint, two bigint")
        for batch in _in_order(verified):
            tables.append("pairs", {"one": batch.column("left"), "two": batch.column("right")})
        verified.unpersist()
        components = Components(len(rows), rows.folder)
        tables.steps(_NUMBERS)
        tables.drop("pairs")
        for batch in tables.stream("from numbered"):
            components.join(batch.column("one").to_numpy(), batch.column("two").to_numpy())
        tables.drop("numbered")
        return clusters(rows, components, config, memory_mb)

    def release(self) -> None:
        """Let go of what Spark holds for this run."""
        if self._treated is not None:
            self._treated.unpersist()

    def _over_pieces(self, run: Map) -> Any:
        pieces = self._stretches.pieces
        numbers = self._session.range(0, pieces, 1, numPartitions=pieces)
        return numbers.mapInArrow(run, "data binary").persist()


def _in_order(table: Any) -> Batches:
    """All batches of a table, in its order; a partition at a time comes to the driver."""
    table.count()  # All partitions side by side: an iterator alone asks for one after another.
    for row in table.toLocalIterator(prefetchPartitions=True):
        yield from maps.opened(bytes(row.data))


def _session(config: SparkConfig) -> tuple[Any, bool]:
    """A session, and whether it is this run's own. Raises UserError."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise UserError(
            "prompts.engine=spark: pyspark is not installed; install the extra: "
            "pip install 'instructflow[spark]'"
        ) from None
    active = SparkSession.getActiveSession()
    if active is not None:
        return active, False
    settings = {
        "spark.sql.shuffle.partitions": str(config.partitions),
        "spark.ui.showConsoleProgress": "false",
    }
    if config.master.startswith("local"):
        # Workers of this machine: this Python, and the packages where they lie.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        settings |= {"spark.executorEnv.PYTHONPATH": str(_TOP), "spark.driver.host": "localhost"}
    builder = SparkSession.builder.appName("instructflow-prompts")
    if config.master:
        builder = builder.master(config.master)
    for name, value in (settings | config.settings).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate(), True
    except (PySparkException, OSError) as error:
        raise UserError(
            f"prompts.engine=spark: no session ({type(error).__name__}); expected a master in "
            "prompts.spark.master, SPARK_REMOTE or spark-submit, and Java 17 or newer"
        ) from error


def _told(error: Exception) -> Exception:
    """What a worker told the user, where it did: the last line of its traceback."""
    for line in reversed(str(error).splitlines()):
        kind, colon, text = line.strip().partition(": ")
        if colon and kind.startswith("components.core.") and kind.endswith(("Error", "Input")):
            return BadInput(text)
    return error
