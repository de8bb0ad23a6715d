"""A DataBrew account to run jobs in: one dataset, one recipe, one job."""

from typing import Any

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send

JOB = "nightly"
ROLE = "arn:aws:iam::123456789012:role/cleanroom-databrew"
LOWER_CASE = [{"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "email"}}}]
CSV = b"email,visits\nA@EXAMPLE.COM,1\nb@example.com,2\n"


class Brewery:
    """An account with a dataset of one CSV file, a published recipe, and jobs."""

    def __init__(self, aws: LocalAws, clients: Clients, environment: LocalEnvironment) -> None:
        self.aws = aws
        self.key_arn = environment.kms_key_arn
        self.databrew = clients.get("databrew", REGION)
        self.s3 = clients.get("s3", REGION)
        self.glue = clients.get("glue", REGION)
        self.put("staging/one/a.csv", CSV)
        self.dataset("CSV", {"Csv": {"Delimiter": ",", "HeaderRow": True}})
        self.recipe(LOWER_CASE)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="cleanroom-inbound", Key=key, Body=body)

    def dataset(self, kind: str, options: dict[str, Any], key: str = "staging/one/") -> None:
        location = {"S3InputDefinition": {"Bucket": "cleanroom-inbound", "Key": key}}
        names = [dataset["Name"] for dataset in self.databrew.list_datasets()["Datasets"]]
        put = self.databrew.update_dataset if names else self.databrew.create_dataset
        put(Name="people", Format=kind, FormatOptions=options, Input=location)

    def recipe(self, steps: list[dict[str, Any]]) -> None:
        names = [recipe["Name"] for recipe in self.databrew.list_recipes()["Recipes"]]
        put = self.databrew.update_recipe if names else self.databrew.create_recipe
        put(Name="people", Steps=steps)
        self.databrew.publish_recipe(Name="people")

    def job(self, **settings: Any) -> None:
        defaults = {
            "Name": JOB,
            "DatasetName": "people",
            "RecipeReference": {"Name": "people", "RecipeVersion": "1.0"},
            "RoleArn": ROLE,
            "EncryptionMode": "SSE-KMS",
            "EncryptionKeyArn": self.key_arn,
            "Outputs": [self.output("PARQUET")],
        }
        given = {**defaults, **settings}
        self.databrew.create_recipe_job(**{k: v for k, v in given.items() if v is not None})

    @staticmethod
    def output(kind: str, **settings: Any) -> dict[str, Any]:
        location = {"Bucket": "cleanroom-transformed", "Key": "data/people/"}
        return {"Format": kind, "Location": location, **settings}

    def start(self) -> str:
        return str(self.databrew.start_job_run(Name=JOB)["RunId"])

    def describe(self, run_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.databrew.describe_job_run(Name=JOB, RunId=run_id)
        return answer

    def run(self) -> dict[str, Any]:
        """Start the job, turn the clock past its end, and return the run."""
        run_id = self.start()
        self.aws.advance(60)
        return self.describe(run_id)

    def script(self, **outcome: Any) -> None:
        url = f"{self.aws.endpoint}/_local/databrew/outcomes/{JOB}"
        assert send("PUT", url, outcome).status == 200

    def keys(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket="cleanroom-transformed").get("Contents", [])
        return [entry["Key"] for entry in listed]

    def body(self, key: str) -> bytes:
        answer = self.s3.get_object(Bucket="cleanroom-transformed", Key=key)
        return bytes(answer["Body"].read())
