"""All entities, and the policy for them.

A new entity is written in one place: a function in one of the files beside this one (its
expressions, its check, its canary) and its place in that file's ``ENTITIES``.
"""

from components.core.config import ConfigError
from components.prompts.config import Action, PiiConfig
from components.prompts.pii import (
    address,
    context,
    email_address,
    finance,
    identity,
    names,
    network,
    phone,
    secret,
)
from components.prompts.pii.entity import Entity

_FILES = (address, context, email_address, finance, identity, names, network, phone, secret)


def entities(config: PiiConfig) -> tuple[Entity, ...]:
    """The entities that are recognised under a config.

    In the order of precedence: the first one names a value that two recognise.
    """
    listed = sorted((one for file in _FILES for one in file.ENTITIES), key=lambda one: one.rank)
    known = [one.make(config) for one in listed]
    return tuple(entity for entity in known if entity.names is None or config.ner)


def policy(config: PiiConfig, known: tuple[Entity, ...]) -> dict[str, Action]:
    """The action of every entity.

    Raises ConfigError for an entity that does not exist, and where prompts would be dropped for
    what a model took for a name.
    """
    actions = {entity.name: entity.action for entity in known}
    named = {entity.name for entity in known if entity.names is not None}
    for name, action in config.policy.items():
        if name not in actions:
            raise ConfigError(
                f"prompts.pii.policy.{name}: unknown entity; expected one of {', '.join(actions)}"
            )
        if name in named and action == "drop":
            raise ConfigError(
                f"prompts.pii.policy.{name}: got drop; expected redact, keep or pseudonymise: "
                "a model takes too much for a name to drop prompts by it"
            )
    return actions | config.policy
