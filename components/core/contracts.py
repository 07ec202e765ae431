"""Which contract a published dataset keeps, and as which its rows are read."""

from components.core.manifest import DatasetError, Manifest
from data_contracts.contract import Contract, load, versions
from data_contracts.errors import ContractError
from data_contracts.upgrade import newest


def contract_of(contract: str) -> Contract:
    """A contract by name or ``name@version``, its absence told as a user's error."""
    try:
        return load(contract)
    except ContractError as error:
        raise DatasetError(str(error)) from None


def published_under(manifest: Manifest, reference: str) -> Contract:
    """The contract that a dataset's manifest names.

    Raises DatasetError where it names none, or one that this version does not know.
    """
    if manifest.kind != "dataset":
        raise DatasetError(f"{reference}: is a {manifest.kind}, not a dataset")
    name, _, version = manifest.contract.partition("@")
    known = [f"{name}@{number}" for number in versions(name)]
    if manifest.contract in known:
        return contract_of(manifest.contract)
    if not version:
        told = f"names no version of a contract ('{manifest.contract}'); expected, say, prompts@1"
    elif known:
        told = (
            f"is published under {manifest.contract}; this instructflow knows {', '.join(known)}. "
            "A newer one may have published it"
        )
    else:
        told = (
            f"is published under {manifest.contract}; this instructflow knows no contract '{name}'"
        )
    raise DatasetError(f"{reference}: {told}")


def read_as(manifest: Manifest, reference: str) -> tuple[Contract, Contract]:
    """The contract a dataset was published under, and the newest version, as which it is read.

    Raises DatasetError where its rows do not fit the newest version.
    """
    own = published_under(manifest, reference)
    try:
        return own, newest(own.id)
    except ContractError as error:
        raise DatasetError(f"{reference}: {error}") from None
