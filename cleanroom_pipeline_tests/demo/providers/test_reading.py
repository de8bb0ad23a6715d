"""Each provider's files, read by the pipeline's own reader as the source profile says."""

from pathlib import Path

import pytest

from cleanroom_pipeline.connector_types.format_settings import FormatSettings
from cleanroom_pipeline.connector_types.profiles import profile_defaults
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.recipe.files import InputFile, UnknownKindError, kind_of
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline_tests.demo.providers.reading import READERS
from cleanroom_pipeline_tests.demo.providers.test_layout import DELIVERIES

PROFILES = {name: name.partition("-")[0] for name in DELIVERIES} | {
    f"ga4-{kind}": "ga4_bigquery_export" for kind in ("parquet", "json", "avro")
}


def data(name: str) -> list[Delivered]:
    return [file for file in DELIVERIES[name](seed=7) if not file.name.startswith("manifest-")]


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_profiles_format_reads_every_row_of_every_file(name: str, tmp_path: Path) -> None:
    settings = FormatSettings.model_validate(profile_defaults(PROFILES[name])["inbound"]["format"])
    # Customer.io's call types have columns, and connectors, of their own.
    files = [file for file in data(name) if "identify" not in file.name]
    format_ = settings.choice().for_batch([file.key for file in files])
    for place, file in enumerate(files):
        path = tmp_path / str(place)
        path.write_bytes(file.body)
        summary = inspect_file(InputFile(path, file.key), format_)
        assert summary.rows == len(READERS[summary.kind](file.body)) > 0
        assert summary.bad_rows == 0


@pytest.mark.parametrize("name", ["appflow", "segment"])
def test_where_names_tell_no_kind_the_profile_does(name: str) -> None:
    for file in data(name):
        with pytest.raises(UnknownKindError):
            kind_of(file.key)
    assert profile_defaults(PROFILES[name])["inbound"]["format"]["kind"] == "jsonl"
