"""At most so many prompts a user."""

from collections import defaultdict
from collections.abc import Sequence

from components.core.records import RawPrompt
from components.prompts.split import unit_hash


def over_cap(
    prompts: Sequence[RawPrompt], key: str, user_cap: int, labeler_cap: int | None
) -> dict[int, int]:
    """Positions of the prompts over their user's cap, each with the cap that it broke.

    Which ones stay is a draw by keyed hash of the prompt id: the same in every run, whatever the
    order of the rows, and no more of a user's first day than of the last.
    """
    by_user: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, prompt in enumerate(prompts):
        by_user[prompt.source, prompt.user_id].append(position)
    over: dict[int, int] = {}
    for (source, _), positions in by_user.items():
        cap = user_cap if source == "api" else labeler_cap
        if cap is None or len(positions) <= cap:
            continue
        drawn = sorted(
            positions, key=lambda p: (unit_hash(key, "cap", prompts[p].id), prompts[p].id)
        )
        over.update(dict.fromkeys(drawn[cap:], cap))
    return over
