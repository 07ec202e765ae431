"""The lineage as a figure: what every input was made from, oldest on the left."""

from collections.abc import Mapping, Sequence

from components.evaluation.results import LineageNode
from components.evaluation.svg import drawing, number, text

_BOX, _TALL, _GAP_X, _GAP_Y = 158.0, 44.0, 44.0, 14.0


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


def lineage_figure(nodes: Sequence[LineageNode]) -> str:
    """Boxes in columns by depth, with a line from every direct parent."""
    columns = layers(nodes)
    tallest = max(len(column) for column in columns)
    height = tallest * (_TALL + _GAP_Y) + 10
    width = len(columns) * (_BOX + _GAP_X) - _GAP_X + 4
    place: dict[str, tuple[float, float]] = {}
    for depth, column in enumerate(_untangled(columns)):
        top = (height - len(column) * (_TALL + _GAP_Y) + _GAP_Y) / 2
        for row, node in enumerate(column):
            place[node.reference] = (2 + depth * (_BOX + _GAP_X), top + row * (_TALL + _GAP_Y))
    parts = [
        _edge(place[parent], place[node.reference])
        for node in nodes
        for parent in direct_parents(node, nodes)
    ]
    parts += [_box(node, *place[node.reference]) for node in nodes]
    return drawing(width, height, "What the evaluated things were made from", parts, scaled=False)


def _untangled(columns: Sequence[Sequence[LineageNode]]) -> list[list[LineageNode]]:
    """Each column in the order of its parents' mean height, so that few lines cross."""
    height: dict[str, float] = {}
    ordered: list[list[LineageNode]] = []
    for column in columns:
        chosen = sorted(column, key=lambda node: (_mean(node.parents, height), node.name))
        for row, node in enumerate(chosen):
            height[node.reference] = (row + 0.5) / len(chosen)
        ordered.append(chosen)
    return ordered


def _mean(parents: Sequence[str], height: Mapping[str, float]) -> float:
    known = [height[parent] for parent in parents if parent in height]
    return sum(known) / len(known) if known else 0.5


def _edge(parent: tuple[float, float], child: tuple[float, float]) -> str:
    x1, y1 = parent[0] + _BOX, parent[1] + _TALL / 2
    x2, y2 = child[0], child[1] + _TALL / 2
    bend = (x1 + x2) / 2 if x2 - x1 <= _GAP_X + 1 else x2 - _GAP_X / 2
    points = (x1, y1, bend, y1, bend, y2, x2, y2)
    a, b, c, d, e, f, g, h = (number(value) for value in points)
    return f'<path d="M{a},{b} C{c},{d} {e},{f} {g},{h}" class="edge"/>'


def _box(node: LineageNode, x: float, y: float) -> str:
    note = f"{node.rows:,} rows" if node.kind == "dataset" else node.kind.replace("_", " ")
    digest = node.reference.rpartition("#sha256=")[2][:8]
    return (
        f'<g><title>{node.reference}</title><rect x="{number(x)}" y="{number(y)}" '
        f'width="{number(_BOX)}" height="{number(_TALL)}" rx="7" class="box k-{node.kind}"/>'
        + text(x + 10, y + 18, node.name, "name")
        + text(x + 10, y + 34, f"{note} · {digest}", "tick")
        + "</g>"
    )
