"""The image that steps run in, by reference; carried by ``INSTRUCTFLOW_IMAGE`` when compiling.

The image's content is not part of KFP's cache key, so the reference should carry a digest.
"""

import os

IMAGE = os.environ.get("INSTRUCTFLOW_IMAGE", "instructflow-python:0.1.0")
