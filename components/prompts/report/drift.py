"""How this round's prompts differ from the last round's: the population stability index (PSI).

PSI = sum over bins of (now - before) ln(now / before), shares of each bin: Jeffreys' divergence,
0 for equal shares. By custom less than 0.1 is little change and more than 0.25 one that asks for
action (Lewis 1994, An Introduction to Credit Scoring; Siddiqi 2006, Credit Risk Scorecards). That
rule knows no sample size; two samples of one population have a PSI of about (1/n + 1/m) times a
chi-squared number of bins - 1 degrees of freedom (Yurdakul and Naranjo 2020, Statistical properties
of the population stability index). So a figure counts as drift where it is beyond its threshold and
beyond what chance gives once in a thousand comparisons.

The last round is known by the profile in its audit: counts, and a sketch of keyed hashes of users.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from components.prompts.config import DriftConfig
from components.prompts.report.profile import Profile

Level = Literal["stable", "warn", "stop"]
Counts = npt.NDArray[np.float64]

#: Added to every bin, so that an empty one has a logarithm: half an observation (Jeffreys' prior).
HALF = 0.5
#: Categories below this share in both rounds are one bin: each would add noise and no news.
RARE = 0.01
#: Quantile of the normal distribution that chance exceeds once in a thousand times.
Z = 3.0902


@dataclass(frozen=True)
class Figure:
    """One distribution, compared."""

    name: str
    psi: float
    #: What chance alone exceeds once in a thousand comparisons of samples of these sizes.
    chance: float
    level: Level
    #: Shares by bin, in both rounds.
    before: dict[str, float]
    now: dict[str, float]

    def moved(self) -> str:
        """The bin whose share changed most."""
        name = max(self.now, key=lambda bin: abs(self.now[bin] - self.before[bin]), default="")
        return f"{name}: {self.before[name]:.0%} -> {self.now[name]:.0%}" if name else "no rows"


@dataclass(frozen=True)
class Drift:
    """All figures of a round against the last."""

    figures: tuple[Figure, ...]
    #: Share of this round's users whom the last had not; None where it cannot be told.
    new_users: float | None

    @property
    def level(self) -> Level:
        """The worst of the figures'."""
        levels = {figure.level for figure in self.figures}
        return "stop" if "stop" in levels else "warn" if "warn" in levels else "stable"

    def over(self) -> list[Figure]:
        """The figures that drifted, most first."""
        moved = [figure for figure in self.figures if figure.level != "stable"]
        return sorted(moved, key=lambda figure: -figure.psi)

    def to_plain(self, previous: str, config: DriftConfig) -> dict[str, Any]:
        """What the audit says. ``chance`` is null where a round has no rows."""
        figures = [
            {
                "name": f.name,
                "psi": f.psi,
                "chance": f.chance if math.isfinite(f.chance) else None,
                "level": f.level,
                "before": f.before,
                "now": f.now,
            }
            for f in self.figures
        ]
        return {
            "previous": previous,
            "level": self.level,
            "warn": config.warn,
            "stop": config.stop,
            "action": config.action,
            "new_users_share": self.new_users,
            "figures": figures,
        }

    def told(self) -> str:
        """What drifted, in one line: the index, and the bin that moved most."""
        return "; ".join(f"{f.name} {f.psi:.2f} ({f.moved()})" for f in self.over())

    def metrics(self) -> dict[str, float]:
        """``drift.language`` and so on, for headlines."""
        found = {f"drift.{figure.name}": figure.psi for figure in self.figures}
        return found if self.new_users is None else found | {"new_users_share": self.new_users}


def compare(before: Profile, now: Profile, config: DriftConfig) -> Drift:
    """This round's profile against the last one's."""
    pairs: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {
        "length": (before.lengths, now.lengths),
        "language": (before.languages, now.languages),
        "use_case": (before.use_cases, now.use_cases),
        "duplicates": (before.duplicates, now.duplicates),
        "users": (before.prompts_per_user, now.prompts_per_user),
    }
    if before.novelty and now.novelty:
        pairs["new_users"] = (before.novelty, now.novelty)
    figures = [figure(name, old, new, config) for name, (old, new) in pairs.items()]
    share = now.novelty["new"] / sum(now.novelty.values()) if now.novelty else None
    return Drift(tuple(figures), share)


def figure(
    name: str, before: Mapping[str, int], now: Mapping[str, int], config: DriftConfig
) -> Figure:
    """One distribution of two rounds: counts by bin."""
    bins, old, new = aligned(before, now)
    index, limit = psi(old, new), by_chance(len(bins), int(old.sum()), int(new.sum()))
    level: Level = "stable"
    if index > limit:
        level = "stop" if index >= config.stop else "warn" if index >= config.warn else "stable"
    shares = [dict(zip(bins, (c / max(1, c.sum())).tolist(), strict=True)) for c in (old, new)]
    return Figure(name, index, limit, level, *shares)


def psi(before: Counts, now: Counts) -> float:
    """The index of two counts by bin (b,), (b,). Every bin counts half an observation more."""
    p, q = _shares(before), _shares(now)
    return float(((q - p) * np.log(q / p)).sum())


def _shares(counts: Counts) -> Counts:
    shares: Counts = (counts + HALF) / (counts.sum() + HALF * len(counts))
    return shares


def by_chance(bins: int, before: int, now: int) -> float:
    """The index that samples of one population exceed once in a thousand times; 0 for one bin.

    Quantile of chi-squared after Wilson and Hilferty (1931), within 3% here.
    """
    free = bins - 1
    if free < 1:
        return 0.0
    if not before or not now:
        return math.inf
    spread = 2 / (9 * free)
    quantile = free * (1 - spread + Z * math.sqrt(spread)) ** 3
    return quantile * (1 / before + 1 / now)


def aligned(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[list[str], Counts, Counts]:
    """Bins that stand in either round, those that are rare in both taken together as ``other``."""
    totals = [max(1, sum(counts.values())) for counts in (before, now)]
    names = list(dict.fromkeys([*before, *now]))
    common = [
        name
        for name in names
        if any(c.get(name, 0) >= RARE * t for c, t in zip((before, now), totals, strict=True))
    ]
    counts = [np.array([c.get(name, 0) for name in common], np.float64) for c in (before, now)]
    rest = [sum(c.values()) - n.sum() for c, n in zip((before, now), counts, strict=True)]
    if any(rest):
        common.append("other")
        counts = [np.append(n, r) for n, r in zip(counts, rest, strict=True)]
    return common, counts[0], counts[1]
