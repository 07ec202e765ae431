"""The report's samples: all systems' outputs to a few prompts, beside one another."""

from collections.abc import Sequence
from html import escape
from random import Random

from components.core.records import Message
from components.core.systems import ordered, title
from components.evaluation.answers import Answer, Answers
from components.evaluation.figures import colour
from components.evaluation.results import Results


def samples(results: Results, examples: int, seed: int) -> str:
    """The section; "" where there is nothing to show."""
    shown = list(results.answers)
    if not shown or not examples:
        return ""
    if len(shown) > examples:
        shown = Random(f"{seed}/samples").sample(shown, examples)
    cards = "".join(_sample(answers, results) for answers in shown)
    return (
        "<h2>Side by side</h2><p>Prompts drawn by chance, not chosen, with one output of each "
        f"system.</p>{cards}"
    )


def _sample(answers: Answers, results: Results) -> str:
    first = ordered([system for answer in answers.answers for system in answer.systems])
    ranked = sorted(answers.answers, key=lambda a: min(first.index(s) for s in a.systems))
    boxes = "".join(_answer(answer, results) for answer in ranked)
    return f'<div class="card">{_ask(answers.messages)}<div class="answers">{boxes}</div></div>'


def _ask(messages: Sequence[Message]) -> str:
    if len(messages) == 1:
        return f'<p class="ask">{escape(messages[0].content)}</p>'
    return "".join(
        f'<p class="ask"><small>{message.role}</small>{escape(message.content)}</p>'
        for message in messages
    )


def _answer(answer: Answer, results: Results) -> str:
    systems = ordered(answer.systems)
    marks = [
        f"{what} {values[answer.id]:.2f}"
        for what, values in (
            ("mean rank", results.rank_by_output),
            ("gold", results.gold_by_output),
            ("reward", results.reward_by_output),
        )
        if answer.id in values
    ]
    said = f"<p>{escape(answer.text)}</p>" if answer.text else '<p class="empty">said nothing</p>'
    return (
        f'<div class="answer {colour(systems[0])}">'
        f'<div class="who">{escape(" = ".join(title(s) for s in systems))}</div>{said}'
        f'<div class="marks">{escape(" · ".join(marks))}</div></div>'
    )
