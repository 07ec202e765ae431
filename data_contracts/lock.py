"""Which versions were released, and what they said then: ``lock.yaml``.

What rows have to be is part of a release for good: a change is a new version. Wording
(descriptions, owner, retention, examples) may be mended, but not without a line in the lock's diff.
"""

import hashlib
import json
from typing import Any

import pydantic
import yaml

from data_contracts import contract as contracts
from data_contracts.contract import Contract
from data_contracts.errors import ContractError
from data_contracts.fields import Part

LOCK = "lock.yaml"
_WORDING = {"description", "owner", "retention", "examples"}
_HEADER = """\
# Digests of the released versions. Written by `instructflow contracts lock`, checked by
# `instructflow contracts check`. A version that no run outside a development tree has published
# under may be taken back: delete its line.
"""


class Released(Part):
    """The digests of one released version."""

    #: What rows have to be, and whom they may name.
    rows: str
    #: All of it.
    wording: str


Lock = dict[str, Released]


def digests(contract: Contract) -> Released:
    """What the lock keeps of a contract. Options that a contract does not use leave no trace."""
    whole = contract.model_dump(mode="json", exclude_defaults=True)
    return Released(rows=_digest(_without_wording(whole)), wording=_digest(whole))


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # Quoted in YAML, or sixteen digits would be read as a number.
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_wording(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_wording(v) for k, v in value.items() if k not in _WORDING}
    return [_without_wording(item) for item in value] if isinstance(value, list) else value


def read() -> Lock:
    """The lock. Raises ContractError where it cannot be read; none at all is an empty one."""
    file = contracts.FOLDER / LOCK
    try:
        values = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
        return pydantic.TypeAdapter(Lock).validate_python(values or {})
    except (yaml.YAMLError, pydantic.ValidationError) as error:
        raise ContractError(f"{LOCK}: {error}") from None


def existing() -> list[Contract]:
    """Every version of every contract. Raises ContractError for one that contradicts itself."""
    return [
        contracts.load(f"{name}@{version}")
        for name in contracts.names()
        for version in contracts.versions(name)
    ]


def departures(lock: Lock) -> dict[str, str]:
    """Contract ids, and how each departs from the lock. Empty where none does."""
    found = {}
    present = {contract.id: digests(contract) for contract in existing()}
    for name, now in present.items():
        if name not in lock:
            found[name] = f"is not in {LOCK}; `instructflow contracts lock` releases it"
        elif now.rows != lock[name].rows:
            found[name] = "was changed after its release; write the next version beside it"
        elif now.wording != lock[name].wording:
            found[name] = "has another wording; `instructflow contracts lock` takes it over"
    gone = [name for name in lock if name not in present]
    return found | dict.fromkeys(gone, "was released, and its file is gone")


def updated(lock: Lock) -> Lock:
    """The lock with new versions and new wording.

    Raises ContractError where a released version says something else of rows than it did.
    """
    new = dict(lock)
    for contract in existing():
        now, was = digests(contract), lock.get(contract.id)
        if was is not None and was.rows != now.rows:
            raise ContractError(
                f"{contract.id} was changed after its release; write the next version beside it, "
                f"or, if nothing was published under it, delete its line in {LOCK}"
            )
        new[contract.id] = now
    return new


def to_yaml(lock: Lock) -> str:
    """The lock as it is kept: a line a version, in order."""
    lines = [f'{n}: {{rows: "{r.rows}", wording: "{r.wording}"}}' for n, r in sorted(lock.items())]
    return _HEADER + "\n".join(lines) + "\n"
