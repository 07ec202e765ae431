"""The few SVG parts that the report's figures are drawn from: text, scales, axes.

Figures are written by hand as inline SVG: they are sharp at any size, follow the page's colours in
light and dark, need nothing from outside and are the same to the byte for the same figures.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from data to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``, both sides covered."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def number(value: float) -> str:
    """A coordinate: two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def label(value: float) -> str:
    """A tick's label."""
    return f"{value:.4g}"


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text; ``kind`` is its CSS class."""
    return (
        f'<text x="{number(x)}" y="{number(y)}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
        f'class="{kind}"/>'
    )


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    """An open line through points."""
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polyline points="{steps}" class="{kind}"/>'


def dot(x: float, y: float, radius: float, kind: str, tip: str) -> str:
    """A dot that tells its value when pointed at."""
    return (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" class="{kind}">'
        f"<title>{escape(tip)}</title></circle>"
    )


def bar(x: float, y: float, width: float, height: float, kind: str, tip: str) -> str:
    """A bar that tells its value when pointed at."""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(width, 0))}" '
        f'height="{number(max(height, 0))}" rx="3" class="{kind}"><title>{escape(tip)}</title>'
        "</rect>"
    )


def drawing(
    width: float, height: float, description: str, parts: Iterable[str], *, scaled: bool = True
) -> str:
    """A whole figure with a description for screen readers.

    It is scaled to its place, or keeps its size (``scaled`` False) and is scrolled.
    """
    style = "" if scaled else f' style="width:{number(width)}px;max-width:none"'
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}"{style} role="img" '
        f'aria-label="{escape(description)}">{"".join(parts)}</svg>'
    )
