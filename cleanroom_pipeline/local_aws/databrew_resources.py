"""AWS Glue DataBrew's datasets, recipes and jobs: moto's, held to what DataBrew really does.

Here: what moto lacks (tags, batch deletes), gets wrong, or takes though DataBrew refuses it. Not
here: job runs (`databrew`).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.databrew.models import databrew_backends

from cleanroom_pipeline.local_aws.job_runs import STARTED_BY
from cleanroom_pipeline.local_aws.service_model import ServiceError
from cleanroom_pipeline.local_aws.services import ACCOUNT, Call, Operation, page

MOTO_CODES = {
    "AlreadyExistsException": "ConflictException",
    "EntityNotFoundException": "ResourceNotFoundException",
    "InvalidToken": "ValidationException",
}
"""Error codes that moto answers with and DataBrew's model does not have, and what it has."""

MAX_STEPS = 100
MAX_NODES = 149
MAX_PAGE = 100
WORKING = "LATEST_WORKING"
PUBLISHED = "LATEST_PUBLISHED"
OUTPUTS = ("Outputs", "DataCatalogOutputs", "DatabaseOutputs")
KINDS = {"dataset": "datasets", "recipe": "recipes", "job": "jobs", "ruleset": "rulesets"}

MOTO_S = (
    "CreateProfileJob",
    "CreateRuleset",
    "DeleteRuleset",
    "DescribeRuleset",
    "ListRulesets",
    "PublishRecipe",
    "UpdateDataset",
    "UpdateProfileJob",
    "UpdateRuleset",
)
"""Operations that moto does as DataBrew does, but for their errors."""


def asked(call: Call) -> dict[str, Any]:
    """Return moto's answer; ServiceError with a code of DataBrew's model where it refuses."""
    answer = call.ask_moto()
    if answer.status >= 400 and answer.body.lstrip().startswith(b"<"):
        # moto takes a slash in a name for one in the path, and then has no such path.
        raise ServiceError("ValidationException", "The local AWS takes no slash in a name.")
    told: dict[str, Any] = json.loads(answer.body or b"{}")
    if answer.status < 400:
        return told
    code = str(told.get("__type", "")).rpartition("#")[2]
    raise ServiceError(MOTO_CODES.get(code, code), told.get("message") or told.get("Message", ""))


def arn_of(region: str, kind: str, name: str) -> str:
    """Return the ARN of a dataset, recipe, job or ruleset."""
    return f"arn:aws:databrew:{region}:{ACCOUNT}:{kind}/{name}"


def operations() -> dict[str, Operation]:
    """Return every operation on datasets, recipes, rulesets, tags, and the creation of jobs."""
    return {
        **dict.fromkeys(MOTO_S, asked),
        "CreateDataset": _create_dataset,
        "DescribeDataset": _describe_dataset,
        "ListDatasets": _list_datasets,
        "DeleteDataset": _delete_dataset,
        "CreateRecipe": _put_recipe,
        "UpdateRecipe": _put_recipe,
        "DescribeRecipe": _describe_recipe,
        "ListRecipes": _list_recipes,
        "ListRecipeVersions": _list_recipe_versions,
        "DeleteRecipeVersion": _delete_recipe_version,
        "BatchDeleteRecipeVersion": _batch_delete,
        "TagResource": _tag,
        "UntagResource": _untag,
        "ListTagsForResource": _list_tags,
    }


def _backend(region: str) -> Any:
    return databrew_backends[ACCOUNT][region]


# Datasets


def _dataset(told: Mapping[str, Any]) -> dict[str, Any]:
    sources = {
        "S3InputDefinition": "S3",
        "DataCatalogInputDefinition": "DATA-CATALOG",
        "DatabaseInputDefinition": "DATABASE",
    }
    source = next((kind for member, kind in sources.items() if told["Input"].get(member)), None)
    return {**told, "Source": source, "CreatedBy": STARTED_BY}


def _create_dataset(call: Call) -> Mapping[str, Any]:
    given = [member for member in call.params["Input"] if member != "Metadata"]
    if len(given) != 1:
        raise ServiceError("ValidationException", "Input must define exactly one source.")
    return asked(call)


def _describe_dataset(call: Call) -> Mapping[str, Any]:
    return _dataset(asked(call))


def _list_datasets(call: Call) -> Mapping[str, Any]:
    answer = asked(call)
    return {**answer, "Datasets": [_dataset(told) for told in answer["Datasets"]]}


def _delete_dataset(call: Call) -> Mapping[str, Any]:
    name = call.params["Name"]
    jobs = _backend(call.region).jobs.values()
    users = sorted(job.name for job in jobs if job.dataset_name == name)
    if users:
        message = f"The dataset {name} is used by the jobs {', '.join(users)}."
        raise ServiceError("ConflictException", message)
    return asked(call)


# Recipes


def _put_recipe(call: Call) -> Mapping[str, Any]:
    if len(call.params.get("Steps", ())) > MAX_STEPS:
        raise ServiceError("ValidationException", f"A recipe has at most {MAX_STEPS} steps.")
    return asked(call)


def _recipe(region: str, told: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**told, "ResourceArn": arn_of(region, "recipe", told["Name"]), "CreatedBy": STARTED_BY}
    return {**whole, **({"PublishedBy": STARTED_BY} if told.get("PublishedDate") else {})}


def _describe_recipe(call: Call) -> Mapping[str, Any]:
    return _recipe(call.region, asked(call))


def _list_recipes(call: Call) -> Mapping[str, Any]:
    answer = asked(call)
    return {**answer, "Recipes": [_recipe(call.region, told) for told in answer["Recipes"]]}


def _list_recipe_versions(call: Call) -> Mapping[str, Any]:
    """List the published versions; moto pages them by their name, which all of them share."""
    recipe = _backend(call.region).recipes.get(call.params["Name"])
    versions = [
        version
        for _, version in sorted(recipe.versions.items() if recipe else ())
        if version is not recipe.latest_working
    ]
    return paged(
        call, "Recipes", [_recipe(call.region, v.as_dict()) for v in versions], "RecipeVersion"
    )


def paged(call: Call, member: str, items: list[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    """Return one page of `items`, which `key` tells apart."""
    limit, token = call.params.get("MaxResults", MAX_PAGE), call.params.get("NextToken")
    chunk, following = page(items, lambda item: str(item[key]), limit, token)
    return {member: chunk, "NextToken": following}


def _users_of(region: str, recipe: str, version: str) -> list[str]:
    """Return the jobs that run a recipe's version, by its number or as the latest one."""
    backend = _backend(region)
    latest = backend.recipes[recipe].latest_published if recipe in backend.recipes else None
    found = []
    for job in backend.jobs.values():
        reference = getattr(job, "recipe_reference", None) or {}
        used = reference.get("RecipeVersion", PUBLISHED)
        if used == PUBLISHED and latest:
            used = str(latest.version)
        if (reference.get("Name"), used) == (recipe, version):
            found.append(str(job.name))
    return sorted(found)


def _delete_recipe_version(call: Call) -> Mapping[str, Any]:
    name, version = call.params["Name"], call.params["RecipeVersion"]
    users = _users_of(call.region, name, version)
    if users:
        message = f"Version {version} of {name} is used by the jobs {', '.join(users)}."
        raise ServiceError("ConflictException", message)
    return asked(call)


def _batch_delete(call: Call) -> Mapping[str, Any]:
    """Delete versions of a recipe, the working one last; what can't be is told one by one.

    https://docs.aws.amazon.com/databrew/latest/dg/API_BatchDeleteRecipeVersion.html
    """
    backend, name = _backend(call.region), call.params["Name"]
    versions: list[str] = call.params["RecipeVersions"]
    if name not in backend.recipes:
        raise ServiceError("ResourceNotFoundException", f"There is no recipe {name}.")
    wrong = [v for v in versions if v != WORKING and not _is_number(v)]
    if wrong or len(set(versions)) < len(versions):
        message = "RecipeVersions must be different versions, numbers or LATEST_WORKING."
        raise ServiceError("ValidationException", message)
    errors = []
    for version in sorted(versions, key=lambda one: one == WORKING):
        users = _users_of(call.region, name, version)
        if users:
            errors.append(_not_deleted(version, "409", f"Jobs use it: {', '.join(users)}."))
            continue
        try:
            backend.delete_recipe_version(name, version)
        except JsonRESTError as error:
            errors.append(_not_deleted(version, str(error.code), str(error.description)))
    return {"Name": name, "Errors": errors}


def _is_number(version: str) -> bool:
    whole, _, part = version.partition(".")
    return whole.isdecimal() and part.isdecimal()


def _not_deleted(version: str, code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message, "RecipeVersion": version}


# Jobs


def refuse_recipe_job(call: Call) -> None:
    """Raise ServiceError for a recipe job that DataBrew would not create.

    It needs a dataset, a published version of a recipe, and somewhere to write to.
    """
    params, backend = call.params, _backend(call.region)
    refuse_job_settings(params)
    if "ProjectName" in params:
        raise ServiceError("ValidationException", "The local AWS has no projects.")
    if "DatasetName" not in params or "RecipeReference" not in params:
        raise ServiceError(
            "ValidationException", "A recipe job needs a DatasetName and a RecipeReference."
        )
    if params["DatasetName"] not in backend.datasets:
        message = f"There is no dataset {params['DatasetName']}."
        raise ServiceError("ResourceNotFoundException", message)
    reference = params["RecipeReference"]
    version = reference.get("RecipeVersion", PUBLISHED)
    if version == WORKING:
        raise ServiceError("ValidationException", "A job runs a published version of a recipe.")
    recipe = backend.recipes.get(reference["Name"])
    if version not in _published(recipe):
        message = f"The recipe {reference['Name']} has no published version {version}."
        raise ServiceError("ResourceNotFoundException", message)


def refuse_job_settings(params: Mapping[str, Any]) -> None:
    """Raise ServiceError for settings that no recipe job can have."""
    if not any(params.get(member) for member in OUTPUTS):
        raise ServiceError("ValidationException", "A recipe job needs an output.")
    if params.get("MaxCapacity", 1) > MAX_NODES:
        raise ServiceError("ValidationException", f"MaxCapacity is at most {MAX_NODES} nodes.")


def _published(recipe: Any) -> Iterable[str]:
    if recipe is None or recipe.latest_published is None:
        return ()
    numbers = [str(v.version) for v in recipe.versions.values() if v is not recipe.latest_working]
    return (PUBLISHED, *numbers)


# Tags


def _tagged(call: Call) -> list[Any]:
    """Return moto's objects that carry the tags of an ARN: of a recipe, all its versions."""
    prefix, _, rest = call.params["ResourceArn"].rpartition(":")
    kind, _, name = rest.partition("/")
    own = prefix == f"arn:aws:databrew:{call.region}:{ACCOUNT}"
    found = getattr(_backend(call.region), KINDS[kind]).get(name) if own and kind in KINDS else None
    if found is None:
        message = f"There is no {call.params['ResourceArn']}."
        raise ServiceError("ResourceNotFoundException", message)
    return list(found.versions.values()) if kind == "recipe" else [found]


def _tag(call: Call) -> Mapping[str, Any]:
    for one in _tagged(call):
        one.tags = {**(one.tags or {}), **call.params["Tags"]}
    return {}


def _untag(call: Call) -> Mapping[str, Any]:
    for one in _tagged(call):
        one.tags = {k: v for k, v in (one.tags or {}).items() if k not in call.params["TagKeys"]}
    return {}


def _list_tags(call: Call) -> Mapping[str, Any]:
    return {"Tags": _tagged(call)[-1].tags or {}}
