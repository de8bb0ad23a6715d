"""Every AWS call that the pipeline makes in the tests, held against botocore's model and our list.

Here: telling the pipeline's calls from the tests' own, checking, collecting. Not here: what the
list is for: it is what the pipeline's role must be allowed (docs/aws-calls.txt).

`make aws-calls` runs all tests with CLEANROOM_COLLECT_AWS_CALLS set, and writes the list anew.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from botocore.client import BaseClient
from botocore.model import StructureShape

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
    """Tell whether the nearest caller that is ours is the pipeline itself, and no test of it."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(str(PACKAGE) + os.sep):
            return not name.startswith(OTHERS)
        if name.startswith(TESTS):
            return False
        frame = frame.f_back
    return False


def listed() -> set[str]:
    """Return the calls of the list, `service:Operation` each."""
    return set(LIST.read_text(encoding="utf-8").split()) if LIST.exists() else set()


def watched(call: Callable[..., Any], seen: set[str], known: set[str] | None) -> Callable[..., Any]:
    """Return `BaseClient._make_api_call`, which first looks at what is asked and by whom.

    AssertionError for a request that breaks its model, and for a call that is not in `known`.
    """

    def watching(self: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        if is_pipelines(sys._getframe(1)):
            name = f"{self.meta.service_model.service_name}:{operation}"
            shape = self.meta.service_model.operation_model(operation).input_shape
            faults = check(shape, params) if isinstance(shape, StructureShape) else []
            assert not faults, f"{name} breaks its model: {'; '.join(faults)}"
            assert known is None or name in known, f"{name} is not in {LIST}: `make aws-calls`"
            seen.add(name)
        return call(self, operation, params)

    return watching


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
