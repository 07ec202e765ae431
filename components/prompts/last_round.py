"""The last round, found from the audit that a run is given as ``previous_audit``.

A scheduled run asks for the ``latest`` audit. Run again, it would find its own: then the audit that
its own was compared with is taken, so that a rerun says what the run said.
"""

import json
from dataclasses import dataclass

from components.core.config import ConfigError
from components.core.errors import BadInput
from components.core.stage import Inputs
from components.prompts.profile import Profile

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
