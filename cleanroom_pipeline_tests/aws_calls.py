"""Every boto3 call that the pipeline makes in the tests' own processes, held against its model.

What a daemon does that a test starts is not seen here, nor what pyarrow reads from S3.

Here: telling the pipeline's calls from the tests' own, checking, collecting. Not here: what the
list is for: it is what the pipeline's role must be allowed (docs/aws-calls.txt).

`make aws-calls` runs all tests with CLEANROOM_COLLECT_AWS_CALLS set, and writes the list anew.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from botocore.client import BaseClient
from botocore.model import ServiceModel, StructureShape

import cleanroom_pipeline
from cleanroom_pipeline.local_aws.service_model import check

# Private to botocore, and the one way that every client's calls go.
API_CALL = "_make_api_call"
COLLECT_VARIABLE = "CLEANROOM_COLLECT_AWS_CALLS"
LIST = Path(__file__).parents[1] / "docs" / "aws-calls.txt"
PACKAGE = Path(cleanroom_pipeline.__file__).parent
# They stand for AWS, or for whoever fills it, and run under no role of the pipeline's.
OTHERS = tuple(str(PACKAGE / name) + os.sep for name in ("local_aws", "demo"))
TESTS = str(Path(__file__).parent) + os.sep


def is_pipelines(frame: FrameType | None) -> bool:
    """Tell whether the nearest caller that is ours is the pipeline itself, and no test of it.

    A thread in which boto3 transfers a file has no caller of ours, and counts as the pipeline's:
    tests transfer files by the same operations.
    """
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(str(PACKAGE) + os.sep):
            return not name.startswith(OTHERS)
        if name.startswith(TESTS):
            return False
        frame = frame.f_back
    return threading.current_thread() is not threading.main_thread()


def listed() -> set[str]:
    """Return the calls of the list, `service:Operation` each."""
    return set(LIST.read_text(encoding="utf-8").split()) if LIST.exists() else set()


@dataclass
class Watch:
    """What was asked, and what may be: anything if `known` is None."""

    known: set[str] | None = None
    seen: set[str] = field(default_factory=set)

    def look(self, model: ServiceModel, operation: str, params: Mapping[str, Any]) -> None:
        """Look at a call of the pipeline's.

        AssertionError for a request that breaks its model, and for a call that is not known.
        """
        name = f"{model.service_name}:{operation}"
        shape = model.operation_model(operation).input_shape
        # boto3 spells this one out by itself, after it was called.
        sent = {n: v for n, v in params.items() if n != "CopySource" or isinstance(v, str)}
        sent |= {"CopySource": "bucket/key"} if len(sent) < len(params) else {}
        faults = check(shape, sent) if isinstance(shape, StructureShape) else []
        assert not faults, f"{name} breaks its model: {'; '.join(faults)}"
        assert self.known is None or name in self.known, f"{name} is not in {LIST}: make aws-calls"
        self.seen.add(name)

    def over(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return botocore's call, which first looks at what is asked and by whom."""

        def watching(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
            if is_pipelines(sys._getframe(1)):
                self.look(client.meta.service_model, operation, params)
            return call(client, operation, params)

        return watching


# Also for stand-ins of clients, which botocore's own calls do not pass through.
WATCH = Watch()


def collect(seen: set[str], folder: Path) -> None:
    """Add what a process saw to a folder that several share."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.getpid()}.txt").write_text("\n".join(sorted(seen)), encoding="utf-8")


def main(folder: Path) -> None:
    """Write the list from what was collected."""
    seen = {name for path in folder.glob("*.txt") for name in path.read_text("utf-8").split()}
    LIST.write_text("\n".join(sorted(seen)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
