"""How long a prompt is, in tokens of the policy, or by an estimate where no policy is given."""

from collections.abc import Callable, Sequence
from pathlib import Path

from components.core.records import Message

#: Tokens of a conversation.
CountTokens = Callable[[Sequence[Message]], int]
#: Bytes of English text that one token of GPT-2's vocabulary covers, about.
_BYTES_A_TOKEN = 4


def estimated_tokens(messages: Sequence[Message]) -> int:
    """An estimate without a tokenizer: words, or a token every four bytes, whichever is more."""
    text = "\n".join(message.content for message in messages)
    size = len(text.encode("utf-8", "surrogatepass"))
    return max(1, len(text.split()), -(-size // _BYTES_A_TOKEN))


def policy_tokens(folder: Path) -> CountTokens:
    """Exact counts with the tokenizer and the chat format of a policy folder."""
    from components.core.tokens import encode_prompt, load_tokenizer  # torch: only where needed

    tokenizer = load_tokenizer(folder)
    return lambda messages: len(encode_prompt(tokenizer, messages))
