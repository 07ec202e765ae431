"""The report's figures: preference (the paper's figure 1), alignment tax, over-optimisation."""

from collections.abc import Mapping, Sequence

from components.core.statistics import Interval
from components.core.systems import ordered, title
from components.evaluation.svg import Scale, bar, dot, drawing, label, line, path, text, ticks

Points = Sequence[tuple[float, float]]


def colour(system: str) -> str:
    """The CSS class of a system's colour; systems that the paper does not have share one."""
    known = ("base", "prompted", "sft", "ppo", "ppo_ptx")
    return f"c-{system}" if system in known else "c-other"


def preference(rates: Mapping[str, Interval], baseline: str) -> str:
    """Win rate of each system against the baseline, with intervals (the paper's figure 1)."""
    systems = ordered(rates)
    width, row, left, right, top = 760.0, 46.0, 132.0, 78.0, 12.0
    bottom = top + row * len(systems)
    values = [bound for r in rates.values() for bound in (r.low, r.high)]
    marks = ticks(min([0.25, *values]), max([0.75, *values]), 6)
    x = Scale(marks[0], marks[-1], left, width - right)
    parts = [line(x(m), top, x(m), bottom, "grid") for m in marks]
    parts += [text(x(m), bottom + 18, f"{m:.0%}", "tick", "middle") for m in marks]
    parts.append(line(x(0.5), top - 4, x(0.5), bottom, "reference"))
    for place, system in enumerate(systems):
        rate = rates[system]
        y = top + row * (place + 0.5)
        kind = colour(system)
        tip = f"{title(system)}: {rate.value:.1%} [{rate.low:.1%}, {rate.high:.1%}], n={rate.n}"
        parts.append(text(left - 14, y + 5, title(system), "name", "end"))
        if system != baseline:
            parts.append(line(x(rate.low), y, x(rate.high), y, f"whisker {kind}"))
            parts += [
                line(x(end), y - 7, x(end), y + 7, f"cap {kind}") for end in (rate.low, rate.high)
            ]
        parts.append(dot(x(rate.value), y, 7, f"fill {kind}", tip))
        shown = f"{rate.value:.1%}" if system != baseline else "50%, by definition"
        parts.append(text(x(rate.high) + 14, y + 5, shown, "value"))
    caption = f"preferred to {title(baseline)}, share of blind comparisons (ties count half)"
    parts.append(text((left + width - right) / 2, bottom + 40, caption, "axis", "middle"))
    return drawing(width, bottom + 48, f"Win rate against {title(baseline)}", parts)


def bars(
    values: Mapping[str, Interval], caption: str, *, from_zero: bool, chance: float | None = None
) -> str:
    """One bar a system, with its interval and value; the axis may start above zero."""
    systems = ordered(values)
    width, height, left, top, foot = 400.0, 270.0, 46.0, 18.0, 44.0
    lows = [v.low for v in values.values()]
    highs = [v.high for v in values.values()]
    span = max(highs) - min(lows)
    low = 0.0 if from_zero else max(0.0, min(lows) - 0.6 * span)
    marks = ticks(low, max(highs) + 0.08 * span, 5)
    y = Scale(marks[0], marks[-1], height - foot, top)
    parts = [line(left, y(m), width, y(m), "grid") for m in marks]
    parts += [text(left - 8, y(m) + 4, label(m), "tick", "end") for m in marks]
    slot = (width - left) / len(systems)
    for place, system in enumerate(systems):
        value = values[system]
        middle = left + slot * (place + 0.5)
        wide = min(58.0, slot * 0.62)
        tip = f"{title(system)}: {value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
        floor = y(marks[0])
        parts.append(
            bar(
                middle - wide / 2,
                y(value.value),
                wide,
                floor - y(value.value),
                f"fill {colour(system)}",
                tip,
            )
        )
        parts.append(line(middle, y(value.low), middle, y(value.high), "error"))
        parts.append(text(middle, y(value.high) - 7, f"{value.value:.3f}", "value", "middle"))
        parts.append(text(middle, height - foot + 19, title(system), "name", "middle"))
    if chance is not None and marks[0] <= chance <= marks[-1]:
        parts.append(line(left, y(chance), width, y(chance), "reference"))
        parts.append(text(width - 2, y(chance) - 5, "chance", "tick", "end"))
    return drawing(width, height, caption, parts)


def curves(
    series: Mapping[str, Points], x_caption: str, y_caption: str, *, narrow: bool = False
) -> str:
    """Lines with a dot a measurement; system -> (x, y) in the order of training.

    ``narrow``: for three figures side by side.
    """
    width, height = (270.0, 200.0) if narrow else (400.0, 270.0)
    left, top, foot, right = 48.0, 30.0, 44.0, 14.0
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    across = ticks(min([0.0, *xs]), max(xs), 4 if narrow else 5)
    up = ticks(min(ys), max(ys) if max(ys) > min(ys) else min(ys) + 1.0, 5)
    x = Scale(across[0], across[-1], left, width - right)
    y = Scale(up[0], up[-1], height - foot, top)
    parts = [line(left, y(m), width - right, y(m), "grid") for m in up]
    parts += [text(left - 8, y(m) + 4, label(m), "tick", "end") for m in up]
    parts += [text(x(m), height - foot + 18, label(m), "tick", "middle") for m in across]
    parts.append(line(left, height - foot, width - right, height - foot, "floor"))
    for system in ordered(series):
        points = [(x(a), y(b)) for a, b in series[system]]
        kind = colour(system)
        parts.append(path(points, f"curve {kind}"))
        # A point an iteration would be a smear: dots only where they can be told apart.
        if len(points) <= 40:
            parts += [
                dot(px, py, 3.2, f"fill {kind}", f"{title(system)}: {a:.3g}, {b:.3g}")
                for (px, py), (a, b) in zip(points, series[system], strict=True)
            ]
        else:
            end = series[system][-1]
            tip = f"{title(system)}: {end[0]:.3g}, {end[1]:.3g}"
            parts.append(dot(*points[-1], 4.0, f"fill {kind}", tip))
    parts.append(text(left, top - 14, y_caption, "axis"))
    parts.append(text(width - right, height - 8, x_caption, "axis", "end"))
    return drawing(width, height, f"{y_caption} over {x_caption}", parts)


def legend(systems: Sequence[str]) -> str:
    """Colours and names of systems, as HTML."""
    items = "".join(
        f'<span class="key"><i class="swatch {colour(s)}"></i>{title(s)}</span>' for s in systems
    )
    return f'<div class="legend">{items}</div>'
