"""promotion: a policy that passes the gate is registered and becomes the candidate."""

import html
import json
from collections.abc import Mapping

from components.core.registry import register_policy
from components.core.stage import Context, Inputs, Outputs, Stage
from components.promotion.config import PromotionConfig
from components.promotion.gate import Decision, decide, read_summary


def run(config: PromotionConfig, inputs: Inputs, outputs: Outputs, context: Context) -> None:
    """Decide, register, record.

    Inputs: ``policies`` (the one named in the config is looked at), ``report``.
    Output: ``release``, a record of the decision. A refused policy is a finished stage, and so is
    a round without it (the first labels are on the SFT policy alone): nothing is registered, the
    reason stands in the release, and the metric ``promoted`` is 0.
    """
    named = {inputs.manifest(reference).name: reference for reference in inputs.all("policies")}
    reference = named.get(config.policy, "")
    report = inputs.reference("report")
    summary = read_summary(inputs.folder(report), report)
    if reference:
        decision = decide(summary, reference, config)
    else:
        others = ", ".join(sorted(named)) or "none"
        reason = f"nothing to promote: '{config.policy}' is not among the policies given: {others}"
        decision = Decision(False, reason, {})
    version = ""
    if decision.promoted:
        tags = {
            "report": report,
            "reason": decision.reason,
            "run": context.run,
            **{f"evidence.{name}": f"{value:.6g}" for name, value in decision.evidence.items()},
        }
        version = register_policy(reference, config.model_name, tags, config.alias)
    release = {
        "promoted": decision.promoted,
        "reason": decision.reason,
        "policy": reference,
        "report": report,
        "model_name": config.model_name,
        "version": version,
        "alias": config.alias if decision.promoted else "",
        "gate": config.gate,
        "evidence": dict(decision.evidence),
    }
    folder = context.workdir / "release"
    folder.mkdir()
    text = json.dumps(release, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "release.json").write_text(text + "\n", encoding="utf-8")
    outputs.folder("release", "release", "release", folder)
    outputs.headline_metrics({"promoted": float(decision.promoted)})
    outputs.html(page(decision, release))
    context.progress.update(1, 1, promoted="yes" if decision.promoted else "no")


def page(decision: Decision, release: Mapping[str, object]) -> str:
    """What people see for this step."""
    rows = "".join(
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in [*release.items(), *decision.evidence.items()]
        if not isinstance(value, dict)
    )
    verdict = "Promoted" if decision.promoted else "Not promoted"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{verdict}</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;"
        "padding:0 1rem}th{text-align:left;padding-right:2em;vertical-align:top}"
        "td{overflow-wrap:anywhere}</style>"
        f"<h1>{verdict}</h1><p>{html.escape(decision.reason)}</p><table>{rows}</table></html>"
    )


STAGE = Stage("promotion", PromotionConfig, run)
