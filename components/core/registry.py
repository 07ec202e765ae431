"""Registered models in MLflow: policies by name, version and alias."""

from collections.abc import Mapping

from components.core import run_tree
from components.core.config import Scalar
from components.core.manifest import parse_reference
from components.core.tracking import as_user_error, load_client


def register_policy(
    reference: str,
    name: str,
    evidence: Mapping[str, Scalar],
    alias: str = "",
    run_id: str | None = None,
) -> str:
    """Register a published policy as a version of the model ``name``; returns the version.

    The same policy is registered once: doing it again updates its evidence. The version's source
    is the policy's own S3 prefix, outside every run's artifacts, so that ``mlflow gc`` spares it.

    Args:
        reference: ``s3://...#sha256=...``.
        name: of the registered model; made where it is missing.
        evidence: figures and references, as tags of the version.
        alias: moved to this version where given ("candidate").
        run_id: MLflow run that the version links to.

    Raises:
        TrackingError: MLflow is not there, or refuses it.
    """
    parsed = parse_reference(reference)
    tags = {key: str(value) for key, value in evidence.items()}
    tags |= {"reference": reference, "sha256": parsed.digest}
    with as_user_error():
        client = load_client()()
        run_tree.unless_there(lambda: client.create_registered_model(name))
        known = [
            int(version.version)
            for version in client.search_model_versions(f"name = '{name}'")
            if version.source == parsed.prefix and version.tags.get("sha256") == parsed.digest
        ]
        if known:
            number = str(min(known))
            for key, value in tags.items():
                client.set_model_version_tag(name, number, key, value)
        else:
            made = client.create_model_version(name, parsed.prefix, run_id=run_id, tags=tags)
            number = str(made.version)
        if alias:
            client.set_registered_model_alias(name, alias, number)
        return number
