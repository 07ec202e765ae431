"""Names of the systems that are compared, and of outputs that several of them wrote."""

from collections.abc import Iterable

#: Between the names of systems that wrote one and the same text. No system's name may hold it.
JOINT = "+"

#: The paper's systems in its order, with the names that people read.
TITLES = {
    "base": "Base",
    "prompted": "Base, few-shot",
    "sft": "SFT",
    "ppo": "PPO",
    "ppo_ptx": "PPO-ptx",
}


def join(systems: Iterable[str]) -> str:
    """The ``system`` of an output that all of these wrote."""
    return JOINT.join(systems)


def split(system: str) -> list[str]:
    """The systems that wrote an output."""
    return system.split(JOINT)


def title(system: str) -> str:
    """A system's name for people."""
    return TITLES.get(system, system)


def ordered(systems: Iterable[str]) -> list[str]:
    """Systems in the paper's order; others follow by name."""
    places = {name: place for place, name in enumerate(TITLES)}
    return sorted(set(systems), key=lambda name: (places.get(name, len(places)), name))
