"""The manifest that Adobe Experience Platform writes beside an export, where that is asked for.

Here: its name and content. Not here: the exports (`aep_dataset`, `aep_audience`).

The toggle "generate manifest file", the name, and a sample with the three fields of each result:
https://experienceleague.adobe.com/en/docs/experience-platform/destinations/ui/connect-destination
and https://experienceleague.adobe.com/en/docs/experience-platform/destinations/ui/export-datasets
(which says that there is no record count, and that it lies with the files). In the sample,
`sinkPath` is the folder from the bucket's root, with a leading slash and none at the end.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from cleanroom_pipeline.demo.providers.layout import Delivered


def aep_manifest(
    files: Sequence[Delivered],
    prefix: str,
    *,
    destination_id: str,
    flow_run_id: str,
    scheduled: datetime,
) -> Delivered:
    """Return the manifest of these files, under `prefix` itself."""
    document = {
        "flowRunId": flow_run_id,
        "scheduledTime": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}",
        "exportResults": [
            {"sinkPath": f"/{file.folder}", "name": file.name, "size": len(file.body)}
            for file in files
        ],
    }
    name = f"manifest-{destination_id}-{flow_run_id}.json"
    return Delivered(f"{prefix}{name}", json.dumps(document, separators=(",", ":")).encode())
