"""The stage: raw prompts in; prompts, rejects, signatures and an audit out."""

import contextlib
import hmac
import json
import os
from collections.abc import Iterator

from components.core.config import canonical_json, sha256_hex
from components.core.dataset import expect, read_batches
from components.core.errors import BadInput
from components.core.records import RawPrompt
from components.core.stage import Context, Inputs, Outputs, Stage
from components.core.storage import Storage
from components.prompts.config import PromptsConfig
from components.prompts.earlier_rounds import EarlierRounds
from components.prompts.engines.process import ProcessEngine
from components.prompts.preparation import STEPS, Engine, Prepared, prepare
from components.prompts.publication import Publication
from components.prompts.report.drift_view import line
from components.prompts.report.headline import headline
from components.prompts.report.last_round import (
    compare_rounds,
    keep_splits,
    last_round,
    split_rules,
)
from components.prompts.report.page import page
from components.prompts.report.profile import sketch
from components.prompts.split import pseudonym_secret
from components.prompts.tables import Tables
from components.prompts.text.language import NAME
from components.prompts.treat import Recipe, planted, tokenizer_files


def run(config: PromptsConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Prepare raw prompts.

    Inputs: raw_prompts; policy (optional: its tokenizer counts); earlier (optional, several: what
    earlier rounds published as ``signatures``); previous_audit (optional: the last round's audit,
    which this one is compared with). Outputs: prompts, rejects, signatures, audit.

    Raises UserError where the key of the pseudonyms is too short; ConfigError where users would
    move to other splits than in the last round; BadInput where no prompt is left, where a planted
    canary of a checksummed or prefixed PII type was not found, or where this round drifted and that
    is to stop it; nothing is published then.
    """
    secret = pseudonym_secret()
    reference = inputs.reference("raw_prompts")
    expect(context.storage, reference, RawPrompt)
    last = last_round(inputs, reference)
    keep_splits(last, config)
    this_round = reference.rpartition("=")[2]
    tokenizer: dict[str, bytes] = {}
    if "policy" in inputs:
        tokenizer = tokenizer_files(inputs.folder(inputs.reference("policy")))
    # The same for the same rows under the same rules, wherever they are worked on.
    seed = sha256_hex(canonical_json([this_round, config.rules()]))
    recipe = Recipe(config, _run_key(secret, seed), tokenizer)
    folder = context.workdir / "rows"
    folder.mkdir()
    with contextlib.closing(Tables(folder, config.half_mb)) as tables:
        rounds = EarlierRounds(context.storage, inputs.all("earlier"), this_round)
        with _engine(context.storage, reference, recipe) as engine:
            prepared = prepare(
                engine,
                config,
                lambda rows: planted(config, seed, rows),
                rounds.recogniser(config, tables, folder),
                tables,
                folder,
                lambda step: context.progress.update(step, STEPS),
            )
        _check(prepared)
        publication = Publication(prepared, reference, secret)
        tools = {
            "tokens": "the policy's tokenizer" if tokenizer else "an estimate (no policy given)",
            "language": NAME,
            "dedup": config.dedup.method,
        }
        report = publication.audit(tools) | {"split_rules": split_rules(config)}
        rows_per_user, users = publication.raw_users()
        drift = compare_rounds(report, last, rows_per_user, sketch(users, secret), config.drift)
        if drift:
            context.progress.say(f"drift {line(report['drift'])}")

        outputs.dataset("prompts", "prompts", publication.prompts())
        outputs.dataset("rejects", "rejects", publication.rejects())
        outputs.dataset(
            "signatures", "signatures", publication.signatures(rounds.rows(), this_round)
        )
    folder = context.workdir / "audit"
    folder.mkdir()
    text = json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "audit.json").write_text(text, encoding="utf-8")
    shown = page(report)
    (folder / "report.html").write_text(shown, encoding="utf-8")
    outputs.folder("audit", "report", "prompts-audit", folder)
    outputs.headline_metrics(headline(report) | (drift.metrics() if drift else {}))
    outputs.html(shown)


@contextlib.contextmanager
def _engine(storage: Storage, reference: str, recipe: Recipe) -> Iterator[Engine]:
    if recipe.config.engine == "spark":
        from components.prompts.engines.spark import spark_engine  # pyspark: only where it is used

        with spark_engine(storage, reference, recipe) as engine:
            yield engine
    else:
        yield ProcessEngine(lambda: read_batches(storage, reference), recipe)


def _run_key(secret: str, seed: str) -> bytes:
    """The key of pseudonymised values: of this round alone, from the secret if there is one."""
    return hmac.digest(secret.encode(), seed.encode(), "sha256") if secret else os.urandom(32)


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
    if not prepared.kept:
        reasons = sorted(prepared.ledger.reasons().items())
        told = ", ".join(f"{name} {count}" for name, count in reasons)
        raise BadInput(f"raw_prompts: no prompt is left of {prepared.rows} ({told})")


STAGE = Stage("prompts", PromptsConfig, run)
