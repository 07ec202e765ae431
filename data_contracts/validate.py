"""Rows against their contract, with Great Expectations.

Rows are projected to a narrow frame (``projection.py``) as they stream by; Great Expectations runs
the contract's suite over up to 100,000 of them at a time, which costs a tenth of a second or so:
validation is bounded in memory and cheap in time. Uniqueness holds over all batches.
"""

import functools
import gc
import time
import warnings
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts.contract import Contract
from data_contracts.errors import ContractError, ContractViolation
from data_contracts.projection import Check, Projector, checks
from data_contracts.report import CheckResult, ValidationReport
from data_contracts.rules import field_rules, holds

__all__ = ["ValidationReport", "Validator", "suite"]

#: Rows in one run of the suite, and bytes of what the suite sees of them: it makes several times as
#: much of long strings while it looks.
WINDOW, WINDOW_BYTES = 100_000, 16 << 20
#: Row ids that a report names per rule, and characters of one.
IDS, ID_LENGTH = 20, 80

#: The only format in which a result carries counts and no values.
_COUNTS = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
_PLACES = {"result_format": "COMPLETE", "partial_unexpected_count": 0}


class Validator:
    """Holds a stream of batches against a contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._projector = Projector(contract)
        self._checks = checks(contract)
        key = [field for field in contract.fields if field.name in contract.key]
        self._key_rules = [rule for field in key for rule in field_rules(field, field.name)]
        # Ids in personal data are as somebody made them up: nobody has looked yet whom they name.
        self._key_is_shown = contract.pii != "personal" and not any(
            field.pii in ("free_text", "identifier") for field in key
        )
        self._waiting: list[pd.DataFrame] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows = 0
        self._broken = [0] * len(self._checks)
        self._ids: list[list[str]] = [[] for _ in self._checks]
        self._seconds = 0.0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows in the contract's schema."""
        started = time.perf_counter()
        frame = self._projector.project(batch)
        self._waiting.append(frame)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += int(frame.memory_usage(index=False).sum())
        if self._waiting_rows >= WINDOW or self._waiting_bytes >= WINDOW_BYTES:
            self._run()
        self._seconds += time.perf_counter() - started

    def finish(self) -> ValidationReport:
        """The report, when every rule was kept.

        Raises ContractViolation for the first rule that was not; the report hangs on it.
        """
        started = time.perf_counter()
        self._run()
        self._seconds += time.perf_counter() - started
        report = self._report()
        for check in report.checks:
            if check.broken:
                raise ContractViolation(
                    self._contract.id, check.rule, check.broken, check.rows, report.to_json()
                )
        return report

    def _report(self) -> ValidationReport:
        enough = self._contract.min_rows
        counted = CheckResult(
            rule=f"rows: at least {enough}",
            expectation="row count",
            broken=max(0, enough - self._rows),
            rows=(),
        )
        results = [
            CheckResult(rule=c.rule, expectation=c.expectation, broken=broken, rows=tuple(ids))
            for c, broken, ids in zip(self._checks, self._broken, self._ids, strict=True)
        ]
        return ValidationReport(
            contract=self._contract.id,
            rows=self._rows,
            checks=(counted, *results),
            engine=_engine().__version__ if self._rows else "",
            seconds=round(self._seconds, 3),
        )

    def _run(self) -> None:
        if not self._waiting_rows:
            return
        frame = pd.concat(self._waiting, ignore_index=True)
        first_row = self._rows
        self._rows += self._waiting_rows
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        expectations = suite(self._contract)
        batch = _batch_definition().get_batch({"dataframe": frame})
        results = batch.validate(expectations, result_format=_COUNTS).results
        for result in results:
            number = result.expectation_config.meta["check"]
            check = self._checks[number]
            if "unexpected_count" not in result.result:
                raise ContractError(
                    f"{self._contract.id}: Great Expectations could not evaluate '{check.rule}'"
                )
            if result.success:
                continue
            self._broken[number] += int(result.result["unexpected_count"])
            room = IDS - len(self._ids[number])
            if room > 0:
                places = batch.validate(_expectation(check, number), result_format=_PLACES)
                indices = places.result["unexpected_index_list"][:room]
                self._ids[number] += [self._name_row(frame, i, first_row) for i in indices]

    def _name_row(self, frame: pd.DataFrame, index: int, first_row: int) -> str:
        """The row's key; its number where the key may name a person, or a part of it is wrong."""
        number = f"number {first_row + index}"
        if not self._key_is_shown:
            return number
        parts = {column: frame[column].iloc[index] for column in self._contract.key}
        if any(pd.isna(part) or "@" in str(part) or part == "" for part in parts.values()):
            return number
        # What is wrong with a key, such as an address in it, is no thing to quote.
        if not all(holds(rule, parts[rule.path]) for rule in self._key_rules):
            return number
        return "/".join(str(part) for part in parts.values())[:ID_LENGTH]


@functools.cache
def _engine() -> Any:
    """Great Expectations, which takes 2 s to import: only when rows are checked."""
    collecting = gc.isenabled()
    # What an import makes stays: looking for garbage meanwhile takes another 0.6 s.
    gc.disable()
    try:
        with warnings.catch_warnings():
            # It imports pyspark where that is installed, which doubts the newest pandas.
            warnings.simplefilter("ignore", FutureWarning)
            import great_expectations
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
    return great_expectations


@functools.cache
def _batch_definition() -> Any:
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    # Some versions report usage to an outside host unless told not to.
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(), analytics_enabled=False
    )
    context = _engine().get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("rows")
    return source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")


def suite(contract: Contract) -> Any:
    """The contract as a Great Expectations suite over its projection."""
    expectations = [_expectation(check, n) for n, check in enumerate(checks(contract))]
    return _engine().ExpectationSuite(name=contract.id, expectations=expectations)


def _expectation(check: Check, number: int) -> Any:
    kind = getattr(_engine().expectations, check.expectation)
    # The check's number tells results apart: the suite does not keep their order.
    return kind(column=check.column, meta={"check": number}, **check.arguments)
