"""Which of the paper's ten use cases a prompt is, by rules that anyone can read.

The first rule that holds decides. The result is a distribution to set beside the paper's table 1,
not a label to train on.
"""

import re
from collections.abc import Mapping, Sequence

from components.core.records import Message
from components.prompts.normalise import normalise

#: Shares among the paper's RM prompts (Ouyang et al. 2022, table 1).
PAPER: Mapping[str, float] = {
    "generation": 0.456,
    "open_qa": 0.124,
    "brainstorming": 0.112,
    "chat": 0.084,
    "rewrite": 0.066,
    "summarization": 0.042,
    "classification": 0.035,
    "other": 0.035,
    "closed_qa": 0.026,
    "extract": 0.019,
}

#: Where an instruction stands: at the start of a prompt, or at its end behind the data.
_WINDOW = 400
_TRANSCRIPT = re.compile(r"^[ \t]{0,4}(?:human|user|ai|assistant|bot|you|me|friend):", re.I | re.M)
_PERSONA = re.compile(
    r"\b(?:act as|you are an? (?:\w+ ){0,4}(?:bot|chatbot|assistant)|pretend (?:to be|you)"
    r"|let'?s (?:chat|talk|play)|following is a conversation|role-?play)"
)
_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("summarization", re.compile(
        r"\b(?:summari[sz]e|summary|summaries|tl;?dr|condense|key points|main (?:points|ideas?)"
        r"|in one sentence|sum up)\b")),
    ("classification", re.compile(
        r"\b(?:classif(?:y|ication)|categori[sz]e|which category|sentiment|spam|true or false"
        r"|label (?:the|each|this)|rate (?:the|this|each)|positive or negative|is this an?)\b")),
    ("extract", re.compile(
        r"\b(?:extract|pull out|find all|identify (?:all|the (?:names?|dates?|entit|places?))"
        r"|list (?:all )?(?:the )?(?:names|dates|entities|places|people) (?:in|from))")),
    ("rewrite", re.compile(
        r"\b(?:rewrit(?:e|ing)|rephrase|paraphrase|translat(?:e|ion)|correct (?:the|this|my)"
        r"|proofread|fix (?:the|this|my)|edit (?:the|this|my)|convert|simplify|reword"
        r"|improve (?:the|this|my)|make (?:it|this|the \w+) (?:more|less|sound|shorter|longer)"
        r"|turn (?:the|this) .{1,60} into)\b")),
    ("brainstorming", re.compile(
        r"\b(?:brainstorm|ideas?|suggest(?:ions?)?|recommend|(?:list|name|give(?: me)?|what are)"
        r" (?:some|a few|two|three|four|five|ten|\d{1,3}|several)|top \d{1,3}|ways to)\b")),
    ("generation", re.compile(
        r"^(?:please |can you |could you |i want you to |help me )?(?:write|compose|draft|generate"
        r"|create|make|design|develop|produce|invent|tell (?:me )?(?:a|an)|continue|complete)\b")),
)  # fmt: skip
#: Words that open a prompt and say nothing of what it asks.
_OPENER = re.compile(r"^(?:(?:hi|hello|hey|please|now|ok|okay|so|well|dear \w+)[,.!]? )+")
_PASSAGE = re.compile(r"\b(?:passage|context|article|paragraph|following|text below|the text)\b")
_QUESTION = re.compile(
    r"^(?:who|what|when|where|why|how|which|whose|is|are|was|were|do|does|did|can|could|should"
    r"|would|will|explain|describe|define|tell me|say|give me|name)\b"
)
_WRITING = re.compile(
    r"\b(?:write|compose|draft|generate|create|story|poem|essay|letter|email|code|function|script)\b"
)


def use_case(messages: Sequence[Message]) -> str:
    """One of the keys of ``PAPER``."""
    last = messages[-1].content
    if any(message.role == "assistant" for message in messages):
        return "chat"
    text = _OPENER.sub("", normalise(last[: 2 * _WINDOW]))
    tail = normalise(last[-_WINDOW:]) if len(last) > 2 * _WINDOW else ""
    window = f"{text[:_WINDOW]} \n {tail or text[_WINDOW:]}"
    if _PERSONA.search(window) or len(_TRANSCRIPT.findall(last[:10_000])) >= 3:
        return "chat"
    for name, pattern in _WORDS:
        if pattern.search(window):
            return name
    if _PASSAGE.search(window) and ("?" in window or "answer" in window):
        return "closed_qa"
    if _QUESTION.match(text) or window.rstrip().endswith("?"):
        return "open_qa"
    return "generation" if _WRITING.search(window) else "other"
