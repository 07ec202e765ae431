"""A small made-up world, written once by the stage to a real S3."""

import uuid

import pytest
from small_stages import run_small
from written_world import Written

from components.core.records import Demonstration, Document, RawPrompt
from components.core.stage import Inputs
from components.core.storage import Storage
from components.sandbox import world_stage
from components.sandbox.config import WorldConfig

CONFIG = WorldConfig(
    seed=5, users=15, user_prompts_min=20, user_prompts_max=40, labelers=3, labeler_prompts=12,
    demonstrations=60, duplicate_share=0.2, canaries_per_entity=4, documents=400,
    test_documents=50,
)  # fmt: skip


@pytest.fixture(scope="session")
def written(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("world")
    root = f"s3://instructflow-test/{uuid.uuid4().hex}"
    outputs, _, lines = run_small(world_stage.STAGE, CONFIG, {}, storage, root, folder / "work")
    assert "progress sandbox_world" in lines
    inputs = Inputs(outputs.references, storage, folder)
    return Written(
        CONFIG,
        outputs,
        root,
        list(inputs.rows("raw_prompts", RawPrompt)),
        list(inputs.rows("demonstrations", Demonstration)),
        list(inputs.rows("pretraining", Document)),
        inputs.folder(outputs.references["truth"]) / "truth.json",
    )
