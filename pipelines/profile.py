"""Profile YAML and ``--set`` become one ``PipelineConfig``. A profile holds overrides only."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.core.config import ConfigError, within
from pipelines.config import PipelineConfig

PROFILES = Path(__file__).parent / "profiles"


def load(profile: str, settings: Sequence[str] = ()) -> PipelineConfig:
    """The config of a profile with ``a.b=value`` settings on top.

    Args:
        profile: a shipped profile's name, or the path of a YAML file.
        settings: each ``dotted.path=value``; the value is read as YAML.

    Raises:
        ConfigError: no such profile, broken YAML, unknown key or bad value. It names the dotted
            path, the value and the expected form.
    """
    values = read_profile(profile)
    for setting in settings:
        values = merge(values, parse_setting(setting))
    return PipelineConfig.from_mapping(values)


def shipped() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def read_profile(profile: str) -> dict[str, Any]:
    """The overrides of a profile as plain values."""
    path = Path(profile)
    if path.suffix not in (".yaml", ".yml"):
        path = PROFILES / f"{profile}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"profile {profile!r} not found; give a YAML file or one of {', '.join(shipped())}"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML in UTF-8: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, got {type(values).__name__}")
    # Keys that start with x- only hold anchors, as in compose files.
    return {key: value for key, value in values.items() if not str(key).startswith("x-")}


def parse_setting(setting: str) -> dict[str, Any]:
    """``a.b=0.5`` as ``{"a": {"b": 0.5}}``."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {setting}: expected dotted.path=value, as in sft.epochs=2")
    try:
        value = yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {setting}: the value is not valid YAML: {error}") from None
    # YAML 1.1 reads 1e-5 as text; people mean the number.
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value) if "e" in value.lower() else value
    for key in reversed(keys):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def shown(setting: str) -> str:
    """A setting as it may be recorded: without the value where that can hold a personal field's."""
    path = setting.partition("=")[0].strip()
    for field in PipelineConfig.personal():
        if within(path, field) or within(field, path):
            return f"{field if within(path, field) else path}=(not shown: personal)"
    return setting


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid on ``base``, mapping by mapping; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged
