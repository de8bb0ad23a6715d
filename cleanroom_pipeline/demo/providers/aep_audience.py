"""An audience as Adobe Experience Platform exports it to S3: flat CSV files, named by destination.

Here: the attributes of a member, file names, the limit of rows a file. Not here: datasets
(`aep_dataset`), the manifest's form (`aep_manifest`), the people (`demo.customers`).

The names, the four attributes that Adobe fills in, and that later exports also hold members who
left: https://experienceleague.adobe.com/en/docs/experience-platform/destinations/ui/
activate-batch-profile-destinations. What stands for NULL and for empty text is set there too:
.../destinations/ui/batch-destinations-file-formatting-options. How files of an audience that is
larger than the limit are told apart is not documented; here the later ones end in `_2`, `_3`.
"""

from datetime import UTC, datetime

from cleanroom_pipeline.demo.providers.aep_manifest import aep_manifest
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    audience,
    chances,
    csv_bytes,
    shuffled,
    uuid4,
)

COLUMNS = (
    "person_name_firstName",
    "person_name_lastName",
    "personalEmail_address",
    "mobilePhone_number",
    "segmentMembership_status",
)

Member = dict[str, str | None]


def aep_members(count: int, *, seed: int, incremental: bool = False) -> list[Member]:
    """Up to `count` members; an incremental export holds members whose state is `expired` too."""
    chance = chances("aep_members", seed)
    return [
        {
            "person_name_firstName": who.first_name,
            "person_name_lastName": who.last_name,
            "personalEmail_address": who.email,
            "mobilePhone_number": who.phone or None,
            "segmentMembership_status": (
                "expired" if incremental and chance.random() < 0.2 else "active"
            ),
        }
        for who in audience(seed, count)
    ]


def deliver_aep_audience(
    prefix: str,
    *,
    destination: str,
    segment_id: str,
    count: int,
    seed: int,
    now: datetime,
    rows_per_file: int = 5_000_000,
    null_text: str = "",
    incremental: bool = False,
    manifest: bool = True,
) -> tuple[Delivered, ...]:
    """Return one export, under `prefix` itself, in no order; `destination` is a name in the key."""
    members = aep_members(count, seed=seed, incremental=incremental)
    at = now.astimezone(UTC)
    stem = f"{prefix}{destination}_segment{segment_id}_{at:%Y%m%d%H%M%S}"
    delivered = [
        Delivered(
            f"{stem}{f'_{place}' if place > 1 else ''}.csv",
            csv_bytes(COLUMNS, members[start : start + rows_per_file], null_text=null_text),
        )
        for place, start in enumerate(range(0, len(members), rows_per_file), start=1)
    ]
    chance = chances(f"aep_audience {segment_id} {at:%Y%m%d%H%M%S}", seed)
    if manifest:
        delivered.append(
            aep_manifest(
                delivered,
                prefix,
                destination_id=uuid4(chances("aep_destination", seed)),
                flow_run_id=uuid4(chance),
                scheduled=at,
            )
        )
    return shuffled(delivered, chance)
