"""The last round, found from the audit that a run is given, and this one beside it.

A scheduled run asks for the ``latest`` audit. Run again, it would find its own: then the audit that
its own was compared with is taken, so that a rerun says what the run said.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.core.config import ConfigError
from components.core.errors import BadInput
from components.core.stage import Inputs
from components.prompts.config import DriftConfig
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
            return LastRound(given, _profile(inputs, given))
        given = next((p for p in parents if f"/{NAME}/" in p), None)
    return None


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


def _profile(inputs: Inputs, reference: str) -> Profile:
    path = inputs.folder(reference) / AUDIT
    try:
        found = json.loads(path.read_text("utf-8"))["profile"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"input {INPUT}: {reference} has no {AUDIT} with a profile to compare with; an older "
            "version made it. Leave the input empty for this round"
        ) from None
    try:
        return Profile.from_mapping(found, "profile")
    except ConfigError as error:
        raise BadInput(f"input {INPUT}: {reference}: {error}") from None
