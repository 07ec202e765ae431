"""All entities, in the order of precedence: the first one names a value that two recognise.

A new entity is a function in one of the files beside this one, and its line here.
"""

from components.core.config import ConfigError
from components.prompts.config import Action, PiiConfig
from components.prompts.pii import contact, context, finance, identity, network, secret
from components.prompts.pii.entity import Entity


def entities(config: PiiConfig) -> tuple[Entity, ...]:
    """The entities that are recognised under a config."""
    return (
        network.url(),
        secret.secret(),
        contact.email(),
        finance.iban(),
        finance.card(),
        identity.ssn(),
        identity.national_id(),
        finance.crypto(),
        network.ip(),
        network.mac(),
        contact.phone(config.regions),
        context.date_of_birth(),
        context.address(),
        context.user_name(),
    )


def policy(config: PiiConfig, known: tuple[Entity, ...]) -> dict[str, Action]:
    """The action of every entity. Raises ConfigError for an entity that does not exist."""
    actions = {entity.name: entity.action for entity in known}
    for name in config.policy:
        if name not in actions:
            raise ConfigError(
                f"prompts.pii.policy.{name}: unknown entity; expected one of {', '.join(actions)}"
            )
    return actions | config.policy
