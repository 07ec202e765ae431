"""Contracts on the terminal: a list, one in full, faults, changes."""

import itertools
import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from components.core.record_agreement import disagreements
from data_contracts import lock
from data_contracts.changes import Change, compare
from data_contracts.contract import Contract, load
from data_contracts.fields import Field
from data_contracts.lint import Fault, lint, walk
from data_contracts.rules import cross_label, field_rules
from data_contracts.upgrade import obstacles


def overview(contracts: Sequence[Contract]) -> Table:
    """One line a version."""
    table = Table(box=None, pad_edge=False)
    for column in ("contract", "owner", "pii", "retention", "a row is"):
        table.add_column(column, no_wrap=column != "a row is")
    for contract in contracts:
        row = (contract.id, contract.owner, contract.pii, contract.retention.label)
        table.add_row(*row, escape(contract.description))
    return table


def details(contract: Contract) -> Group:
    """One contract in full."""
    head = Table(show_header=False, box=None, pad_edge=False)
    head.add_column(style="bold")
    head.add_column()
    for name, value in (
        ("contract", contract.id),
        ("row", contract.description),
        ("owner", contract.owner),
        ("pii", contract.pii),
        ("retention", f"{contract.retention.label}: {contract.retention.reason}"),
        ("record", contract.record),
        ("key", ", ".join(contract.key)),
        ("rows", f"at least {contract.min_rows}"),
    ):
        head.add_row(name, escape(value))
    fields = Table(title="fields", title_justify="left")
    for column in ("field", "type", "pii", "rules", "description"):
        fields.add_column(column, overflow="fold")
    for path, field in walk(contract.fields):
        pii = "" if field.pii == "none" else field.pii
        cells = (path, field.type, pii, _rules(field, path), field.description)
        fields.add_row(*(escape(cell) for cell in cells))
    parts: list[Table | Text] = [head, fields]
    if contract.rules:
        parts.append(Text("rules over columns: " + "; ".join(map(cross_label, contract.rules))))
    parts += [Text("example: " + json.dumps(e, ensure_ascii=False)) for e in contract.examples[:1]]
    return Group(*parts)


def _rules(field: Field, path: str) -> str:
    named = [rule.label.removeprefix(f"{path}: ") for rule in field_rules(field, path)]
    named = [name for name in named if name != "not null"]
    extra = ["unique"] * field.unique + ["may be null"] * field.nullable
    return ", ".join(named + extra)


def show_check(console: Console) -> bool:
    """Check everything there is, print it; whether all is sound."""
    contracts = lock.existing()
    released = lock.read()
    faults: list[Fault] = []
    for contract in contracts:
        faults += lint(contract)
        if contract == load(contract.name):
            # Rows of older versions are read as the newest, whose record it is.
            faults += disagreements(contract)
    faults += [Fault(name, "", what) for name, what in lock.departures(released).items()]
    count = Counter(fault.contract for fault in faults)
    table = Table(box=None, pad_edge=False)
    for column in ("contract", "owner", "pii", "retention", "fields", "rules", ""):
        table.add_column(column, justify="right" if column in ("fields", "rules") else "left")
    for contract in contracts:
        found = count[contract.id]
        state = f"[red]{_counted(found, 'fault')}[/]" if found else "[green]ok[/]"
        fields = [field_rules(field, path) for path, field in walk(contract.fields)]
        rules = sum(map(len, fields)) + len(contract.rules) + sum(f.unique for f in contract.fields)
        row = (contract.id, contract.owner, contract.pii, contract.retention.label)
        table.add_row(*row, str(len(fields)), str(rules), state)
    console.print(table)
    for old, new in itertools.pairwise(contracts):
        if old.name == new.name:
            console.print(_verdict(old, new, compare(old, new)), highlight=False, soft_wrap=True)
    for fault in faults:
        where = f"{fault.contract}, {fault.path}" if fault.path else fault.contract
        line = Text.assemble((where, "bold red"), f": {fault.what}")
        console.print(line, highlight=False, soft_wrap=True)
    told = _counted(len(faults), "fault") if faults else "no fault"
    console.print(f"{_counted(len(contracts), 'version')}, {told}", highlight=False)
    return not faults


def show_changes(old: Contract, new: Contract, console: Console) -> bool:
    """Print what changed; whether it breaks nobody."""
    changes = compare(old, new)
    if changes:
        table = Table(box=None, pad_edge=False)
        for column in ("where", "change", "breaks"):
            table.add_column(column, overflow="fold")
        for change in sorted(changes, key=lambda change: -len(change.breaks)):
            who = f"[red]{', '.join(change.breaks)}[/]" if change.breaks else "nobody"
            table.add_row(escape(change.path or "(whole)"), escape(change.what), who)
        console.print(table)
    console.print(_verdict(old, new, changes), highlight=False, soft_wrap=True)
    return not any(change.breaks for change in changes)


def _verdict(old: Contract, new: Contract, changes: Sequence[Change]) -> str:
    count = Counter(party for change in changes for party in change.breaks)
    broken = [f"{n} that {'breaks' if n == 1 else 'break'} {p}" for p, n in sorted(count.items())]
    read = "cannot be read" if obstacles(old, new) else "are read"
    return (
        f"{old.id} -> {new.id}: {_counted(len(changes), 'change')}, "
        f"{', '.join(broken) or 'none that breaks anybody'}; "
        f"rows of {old.id} {read} as {new.id}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
