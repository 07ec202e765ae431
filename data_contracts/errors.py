"""What can be wrong with a contract, and with rows that were held against one."""

from collections.abc import Sequence


class ContractError(Exception):
    """A contract that does not exist, has an unknown version, or contradicts itself."""


class ContractViolation(Exception):
    """Rows break a contract. Says which rule, how many rows, and which: never what they hold."""

    #: Row ids that a message shows at most.
    SHOWN = 5

    def __init__(
        self, contract: str, rule: str, count: int, rows: Sequence[str], report: str = ""
    ) -> None:
        shown = ", ".join(rows[: self.SHOWN])
        more = "" if count <= self.SHOWN else f" and {count - len(rows[: self.SHOWN])} more"
        where = f" (rows {shown}{more})" if rows else ""
        super().__init__(f"{contract}: {count} row(s) break the rule '{rule}'{where}")
        self.contract = contract
        self.rule = rule
        self.count = count
        #: Keys of the first rows that break the rule; numbers of those whose key may not be told.
        self.rows = tuple(rows)
        #: The whole report as JSON, "" where none was made.
        self.report = report
