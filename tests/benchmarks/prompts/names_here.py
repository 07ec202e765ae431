"""Runs the names entity over texts; in an environment that has the extra ``ner``.

``names_here.py TEXTS HITS``: texts are JSON strings, a line each. Writes a list of
[start, end, type] a line and prints CPU seconds.
"""

import json
import sys
import time

from components.prompts.config import PiiConfig
from components.prompts.pii.names import SpacyNames


def main(source: str, result: str) -> None:
    names = SpacyNames(PiiConfig().ner_model)
    with open(source, encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    names.find("warm up, John")
    begun = time.process_time()
    found = [names.find(text) for text in texts]
    cpu = time.process_time() - begun
    with open(result, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(hits) + "\n" for hits in found)
    print(json.dumps({"cpu": cpu, "texts": len(texts)}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
