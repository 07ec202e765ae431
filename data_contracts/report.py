"""How a dataset fared against its contract: a small report of our own, as JSON and as HTML.

Great Expectations' Data Docs load scripts from outside hosts; this page loads nothing.
"""

from html import escape

import pydantic


class CheckResult(pydantic.BaseModel):
    """One rule: how many rows break it, and some of their ids."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    rule: str
    expectation: str
    broken: int
    rows: tuple[str, ...]


class ValidationReport(pydantic.BaseModel):
    """The outcome of one validation. It holds rules, counts, ids or numbers of rows; no value."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    contract: str
    rows: int
    checks: tuple[CheckResult, ...]
    #: Version of Great Expectations, "" where no row had to be checked.
    engine: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every rule was kept."""
        return not any(check.broken for check in self.checks)

    def to_json(self) -> str:
        """The report as JSON; ``model_validate_json`` reads it back."""
        return self.model_dump_json(indent=1)

    def to_html(self) -> str:
        """The report as one self-contained page, broken rules first."""
        ordered = sorted(self.checks, key=lambda check: -check.broken)
        lines = "\n".join(
            f"<tr class={'bad' if check.broken else 'ok'}><td>{escape(check.rule)}</td>"
            f"<td>{escape(check.expectation)}</td><td class=n>{check.broken:,}</td>"
            f"<td>{escape(', '.join(check.rows))}</td></tr>"
            for check in ordered
        )
        broken = sum(1 for check in self.checks if check.broken)
        verdict = "every rule is kept" if self.passed else f"{broken} rule(s) broken"
        return f"""<!doctype html><html lang=en><meta charset=utf-8>
<title>{escape(self.contract)}: {verdict}</title><style>
body{{font:14px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem;color:#1b1f24}}
table{{border-collapse:collapse;width:100%}}td,th{{padding:.3rem .6rem;text-align:left;
border-bottom:1px solid #d8dee4}}.n{{text-align:right}}.bad td{{background:#ffebe9}}
</style><h1>{escape(self.contract)}</h1>
<p><b>{verdict}</b>; {self.rows:,} rows, {len(self.checks)} rules,
{self.seconds:.2f} s, Great Expectations {escape(self.engine or "not needed")}</p>
<table><tr><th>rule</th><th>expectation</th><th class=n>rows that break it</th><th>row ids</th></tr>
{lines}</table></html>
"""
