"""How long a prompt is, in tokens of the policy, or by an estimate where no policy is given."""

from collections.abc import Callable, Sequence
from pathlib import Path

from components.core.records import Message

#: Tokens of each of many conversations.
CountTokens = Callable[[Sequence[Sequence[Message]]], list[int]]
#: Bytes of English text that one token of GPT-2's vocabulary covers, about.
_BYTES_A_TOKEN = 4


def estimated_tokens(conversations: Sequence[Sequence[Message]]) -> list[int]:
    """An estimate without a tokenizer: words, or a token every four bytes, whichever is more."""
    return [
        _estimate("\n".join(message.content for message in messages)) for messages in conversations
    ]


def _estimate(text: str) -> int:
    size = len(text.encode("utf-8", "surrogatepass"))
    return max(1, len(text.split()), -(-size // _BYTES_A_TOKEN))


def policy_tokens(folder: Path) -> CountTokens:
    """Exact counts with the tokenizer and the chat format of a policy folder."""
    from components.core.tokens import load_tokenizer, prompt_lengths  # torch: only where needed

    tokenizer = load_tokenizer(folder)
    return lambda conversations: prompt_lengths(tokenizer, conversations)
