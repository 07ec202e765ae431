"""The MLflow UI over the store that runs here write to."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

from rich.console import Console

from components.core.errors import UserError
from components.core.pipeline_run import experiment_id
from components.core.scrub import without_secrets


def page(port: int) -> str:
    """Where the runs are; the server's front page where there is no run yet."""
    address = f"http://127.0.0.1:{port}"
    experiment = experiment_id()
    if experiment is None:
        return address
    # Without the type, the UI opens its pages for agents, where runs of training are not shown.
    return f"{address}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def serve(port: int, console: Console) -> None:
    """Run ``mlflow server`` until it ends. A server that the environment names is only printed."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    if urlsplit(uri).scheme in ("http", "https"):
        console.print(f"MLflow is at {without_secrets(uri)}", highlight=False)
        return
    environment = os.environ | {
        # Not an argument: the list of processes shows those to everybody, a password and all.
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # What its libraries have to mend is not for who looks at runs.
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    # Artifacts lie in S3 under each experiment's own location, which the server reads directly.
    console.print(f"MLflow: {page(port)}  (ctrl-c ends it)", highlight=False, soft_wrap=True)
    try:
        code = subprocess.run(command, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return
    if code not in (0, -2, 130):
        raise UserError(f"mlflow server ended with exit code {code}; is port {port} taken?")
