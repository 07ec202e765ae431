"""The last round, found from the audit that a run is given, and this one beside it.

A scheduled run asks for the ``latest`` audit. Run again, it would find its own: then the audit that
its own was compared with is taken, so that a rerun says what the run said.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.core.config import ConfigError, sha256_hex
from components.core.errors import BadInput
from components.core.stage import Inputs
from components.prompts.config import DriftConfig, PromptsConfig
from components.prompts.report.drift import Drift, compare
from components.prompts.report.profile import Profile, UserSketch, profile

AUDIT = "audit.json"
#: The name under which audits are published, and the input under which one is given.
NAME, INPUT = "prompts-audit", "previous_audit"


@dataclass(frozen=True)
class LastRound:
    """The audit's reference, and what it says that the round was like."""

    reference: str
    profile: Profile
    #: What sent users to splits (``split_rules``); empty where an older version made the audit.
    split_rules: Mapping[str, Any] = field(default_factory=dict)


def last_round(inputs: Inputs, raw_prompts: str) -> LastRound | None:
    """The last round, or None where none is given.

    Args:
        inputs: of the stage.
        raw_prompts: reference of this round's rows.

    Raises BadInput where what is given is no audit, or one without a profile.
    """
    if INPUT not in inputs:
        return None
    given: str | None = inputs.reference(INPUT)
    seen: set[str] = set()
    # A digest does not cover parents, so two manifests could name one another.
    while given is not None and given not in seen:
        seen.add(given)
        manifest = inputs.manifest(given)
        if (manifest.kind, manifest.name) != ("report", NAME):
            raise BadInput(
                f"input {INPUT}: is {manifest.kind}/{manifest.name}; expected report/{NAME}, the "
                "audit of the last round"
            )
        parents = manifest.provenance.parents
        if raw_prompts not in parents:
            return _read(inputs, given)
        given = next((p for p in parents if f"/{NAME}/" in p), None)
    return None


def split_rules(config: PromptsConfig) -> dict[str, Any]:
    """What sends users to splits, as an audit holds it: the shares, and a digest of the key.

    Groups of labelers are no part of it: they hold ids, and may grow from round to round.
    """
    return {
        "split_key": sha256_hex(config.split_key),
        "validation_share": config.validation_share,
        "test_share": config.test_share,
    }


def keep_splits(last: LastRound | None, config: PromptsConfig) -> None:
    """Check that no user moves to another split than in the last round.

    Raises ConfigError where what sends users to splits is not what it was.
    """
    before = last.split_rules if last else {}
    changed = {
        name: now for name, now in split_rules(config).items() if before.get(name, now) != now
    }
    if not last or not changed:
        return
    told = ", ".join(
        f"prompts.{name}" + ("" if name == "split_key" else f" ({now}, was {before[name]})")
        for name, now in changed.items()
    )
    raise ConfigError(
        f"{told}: changed since the last round (input {INPUT}: {last.reference}), so users would "
        "move from split to split and prompts of one user would stand in training and in the test; "
        "expected the last round's: set it back, or begin a new series of rounds, with the inputs "
        f"earlier and {INPUT} left empty"
    )


def compare_rounds(
    audit: dict[str, Any],
    last: LastRound | None,
    rows_per_user: Mapping[int, int],
    users: UserSketch | None,
    config: DriftConfig,
) -> Drift | None:
    """Add to an audit what this round was like and, where there was a last one, how it differs.

    Args:
        audit: gets ``profile`` and ``drift``.
        last: the last round.
        rows_per_user: users by their number of rows, before duplicates and caps take any.
        users: their sketch.
        config: says what drift does.

    Raises BadInput for drift from ``stop`` on where that is to stop the round.
    """
    now = profile(audit, rows_per_user, users, last.profile if last else None)
    audit["profile"] = now.model_dump(mode="json")
    audit["drift"] = None
    if last is None:
        return None
    drift = compare(last.profile, now, config)
    audit["drift"] = drift.to_plain(last.reference, config)
    if config.action == "stop" and drift.level == "stop":
        raise BadInput(
            f"raw_prompts: this round differs too much from the last ({drift.told()}; expected a "
            f"population stability index below {config.stop:g}): look at the rows, then raise "
            "prompts.drift.stop or set prompts.drift.action to warn"
        )
    return drift


def _read(inputs: Inputs, reference: str) -> LastRound:
    path = inputs.folder(reference) / AUDIT
    try:
        audit = json.loads(path.read_text("utf-8"))
        found = audit["profile"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"input {INPUT}: {reference} has no {AUDIT} with a profile to compare with; an older "
            "version made it. Leave the input empty for this round"
        ) from None
    try:
        profile = Profile.from_mapping(found, "profile")
    except ConfigError as error:
        raise BadInput(f"input {INPUT}: {reference}: {error}") from None
    rules = audit.get("split_rules")
    return LastRound(reference, profile, rules if isinstance(rules, dict) else {})
