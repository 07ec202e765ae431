"""The lineage as a figure: what every input was made from, oldest on the left."""

from collections.abc import Mapping, Sequence

from components.evaluation.results import LineageNode
from components.evaluation.svg import drawing, number, text

_BOX, _TALL, _GAP_X, _GAP_Y = 142.0, 44.0, 30.0, 14.0
#: Height of a line that passes a column of boxes.
_LANE = 8.0
#: A wider figure keeps its size and is scrolled; any other is scaled to its place.
_WIDEST = 1100.0

#: What stands in a column: a node's reference, or (parent, child) of a line that passes.
Slot = str | tuple[str, str]


def layers(nodes: Sequence[LineageNode]) -> list[list[LineageNode]]:
    """Nodes by depth: one more than the deepest of their parents; sources first."""
    by_reference = {node.reference: node for node in nodes}
    depth: dict[str, int] = {}

    def depth_of(reference: str) -> int:
        if reference not in depth:
            depth[reference] = 0  # Ends a loop, which no honest lineage has.
            parents = [p for p in by_reference[reference].parents if p in by_reference]
            depth[reference] = 1 + max((depth_of(parent) for parent in parents), default=-1)
        return depth[reference]

    for node in nodes:
        depth_of(node.reference)
    columns: list[list[LineageNode]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in sorted(nodes, key=lambda n: (n.kind, n.name, n.reference)):
        columns[depth[node.reference]].append(node)
    return columns


def direct_parents(node: LineageNode, nodes: Sequence[LineageNode]) -> list[str]:
    """A node's parents that are not ancestors of another of its parents as well."""
    by_reference = {each.reference: each for each in nodes}
    parents = [parent for parent in node.parents if parent in by_reference]
    behind: set[str] = set()
    waiting = [p for parent in parents for p in by_reference[parent].parents]
    while waiting:
        reference = waiting.pop()
        if reference not in behind and reference in by_reference:
            behind.add(reference)
            waiting += by_reference[reference].parents
    return [parent for parent in parents if parent not in behind]


def slots(nodes: Sequence[LineageNode]) -> list[list[Slot]]:
    """What each column holds, top to bottom: its nodes, and a lane for every line that passes it.

    Lanes keep lines off the boxes. Each column is in the order of its parents' mean height, so
    that few lines cross.
    """
    columns = layers(nodes)
    depth = {node.reference: at for at, column in enumerate(columns) for node in column}
    filled: list[list[Slot]] = [[node.reference for node in column] for column in columns]
    before: dict[Slot, list[Slot]] = {}
    for node in nodes:
        for parent in direct_parents(node, nodes):
            lane: Slot = (parent, node.reference)
            last: Slot = parent
            for at in range(depth[parent] + 1, depth[node.reference]):
                filled[at].append(lane)
                before.setdefault(lane, [parent])
                last = lane
            before.setdefault(node.reference, []).append(last)
    height: dict[Slot, float] = {}
    for column in filled:
        column.sort(key=lambda slot: (_mean(before.get(slot, ()), height), str(slot)))
        height |= {slot: (row + 0.5) / len(column) for row, slot in enumerate(column)}
    return filled


def lineage_figure(nodes: Sequence[LineageNode]) -> str:
    """Boxes in columns by depth, with a line from every direct parent."""
    columns = slots(nodes)
    tall = [sum(_height(slot) + _GAP_Y for slot in column) - _GAP_Y for column in columns]
    height = max(tall) + 10
    width = len(columns) * (_BOX + _GAP_X) - _GAP_X + 4
    #: Left edge and middle of what stands in a column; a lane stands in several.
    place: dict[tuple[int, Slot], tuple[float, float]] = {}
    depth: dict[str, int] = {}
    for at, column in enumerate(columns):
        y = (height - tall[at]) / 2
        for slot in column:
            place[at, slot] = (2 + at * (_BOX + _GAP_X), y + _height(slot) / 2)
            y += _height(slot) + _GAP_Y
            if isinstance(slot, str):
                depth[slot] = at
    parts = []
    for node in nodes:
        for parent in direct_parents(node, nodes):
            first, last = depth[parent], depth[node.reference]
            lanes = [place[at, (parent, node.reference)] for at in range(first + 1, last)]
            parts.append(_edge([place[first, parent], *lanes, place[last, node.reference]]))
    parts += [_box(node, *place[depth[node.reference], node.reference]) for node in nodes]
    what = "What the evaluated things were made from"
    return drawing(width, height, what, parts, scaled=width <= _WIDEST)


def _height(slot: Slot) -> float:
    return _TALL if isinstance(slot, str) else _LANE


def _mean(parents: Sequence[Slot], height: Mapping[Slot, float]) -> float:
    known = [height[parent] for parent in parents if parent in height]
    return sum(known) / len(known) if known else 0.5


def _edge(places: Sequence[tuple[float, float]]) -> str:
    """A line from a box's right edge, straight through the lanes, to another's left edge."""
    (x, y), *rest = places
    steps = [f"M{number(x + _BOX)},{number(y)}"]
    for left, middle in rest:
        bend = left - _GAP_X / 2
        points = ((bend, y), (bend, middle), (left, middle))
        steps.append("C" + " ".join(f"{number(a)},{number(b)}" for a, b in points))
        if (left, middle) != rest[-1]:
            steps.append(f"H{number(left + _BOX)}")
        y = middle
    return f'<path d="{" ".join(steps)}" class="edge"/>'


def _box(node: LineageNode, x: float, middle: float) -> str:
    kind = node.kind.replace("_", " ") if node.kind != node.name else ""
    note = f"{node.rows:,} rows" if node.kind == "dataset" else kind
    digest = node.reference.rpartition("#sha256=")[2][:6]
    y = middle - _TALL / 2
    return (
        f'<g><title>{node.reference}</title><rect x="{number(x)}" y="{number(y)}" '
        f'width="{number(_BOX)}" height="{number(_TALL)}" rx="7" class="box k-{node.kind}"/>'
        + text(x + 10, y + 18, node.name, "name")
        + text(x + 10, y + 34, f"{note} · {digest}" if note else digest, "tick")
        + "</g>"
    )
