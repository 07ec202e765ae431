"""The stage: raw prompts in; prompts, rejects and an audit out."""

import hmac
import json
import os

from components.core.errors import BadInput
from components.core.records import RawPrompt
from components.core.stage import Context, Inputs, Outputs, Stage
from components.prompts.audit import Kept, Rejected, audit
from components.prompts.config import PromptsConfig
from components.prompts.headline import headline
from components.prompts.language import NAME
from components.prompts.length import CountTokens, estimated_tokens, policy_tokens
from components.prompts.page import page
from components.prompts.preparation import STEPS, Prepared, Surroundings, prepare
from components.prompts.split import PSEUDONYM_KEY, Pseudonyms


def run(config: PromptsConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Inputs raw_prompts, policy (optional: its tokenizer counts); outputs prompts, rejects, audit.

    Raises BadInput where no prompt is left, or where a planted canary of a checksummed or prefixed
    PII type was not found; nothing is published then.
    """
    reference = inputs.reference("raw_prompts")
    rows = list(inputs.rows("raw_prompts", RawPrompt))
    counter: str = "an estimate (no policy given)"
    count_tokens: CountTokens = estimated_tokens
    if "policy" in inputs:
        count_tokens = policy_tokens(inputs.folder(inputs.reference("policy")))
        counter = "the policy's tokenizer"
    secret = os.environ.get(PSEUDONYM_KEY, "")
    prepared = prepare(
        rows,
        config,
        Surroundings(
            origin=reference,
            count_tokens=count_tokens,
            pseudonyms=Pseudonyms(secret),
            seed=context.work_key,
            run_key=_run_key(secret, context.work_key),
        ),
        lambda step: context.progress.update(step, STEPS, rows=len(rows)),
    )
    _check(prepared)
    tools = {"tokens": counter, "language": NAME, "dedup": config.dedup.method}
    report = audit(
        len(rows),
        Kept.of(prepared.prompts),
        Rejected.of(prepared.rejects, prepared.prompts),
        prepared.located,
        prepared.recall,
        tools,
    )
    folder = context.workdir / "audit"
    folder.mkdir()
    text = json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "audit.json").write_text(text, encoding="utf-8")

    outputs.dataset("prompts", "prompts", prepared.prompts)
    outputs.dataset("rejects", "rejects", prepared.rejects)
    outputs.folder("audit", "report", "prompts-audit", folder)
    outputs.headline_metrics(headline(report))
    outputs.html(page(report))


def _run_key(secret: str, work_key: str) -> bytes:
    """The key of pseudonymised values: of this work alone, from the secret if there is one."""
    return hmac.digest(secret.encode(), work_key.encode(), "sha256") if secret else os.urandom(32)


def _check(prepared: Prepared) -> None:
    if prepared.recall.failed:
        counts = ", ".join(
            f"{name} {prepared.recall.found[name]}/{prepared.recall.planted[name]}"
            for name in prepared.recall.failed
        )
        raise BadInput(
            f"prompts: planted PII was not found ({counts}); expected all of every checksummed or "
            "prefixed type: look at prompts.pii in the config"
        )
    if not prepared.prompts:
        reasons: dict[str, int] = {}
        for reject in prepared.rejects:
            reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
        told = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
        raise BadInput(f"raw_prompts: no prompt is left of {len(prepared.rejects)} ({told})")


STAGE = Stage("prompts", PromptsConfig, run)
