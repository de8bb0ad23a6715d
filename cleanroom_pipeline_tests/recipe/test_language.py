"""How recipe text is read, refused and written back.

Here: forms, findings, the canonical form. Not here: what steps do.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline_tests.recipe.running import condition, recipe, step

LOWER = {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "a"}}
CANONICAL = [{"Action": LOWER}]


def parsed(value: Any) -> list[dict[str, Any]]:
    return parse_recipe(json.dumps(value), name="r").to_api()


@pytest.mark.parametrize(
    "written",
    [
        [{"Action": LOWER}],
        [{"RecipeAction": LOWER}],
        [{"RecipeStep": {"Action": LOWER}}],
        [{"Action": {"Operation": "LOWER_CASE", "Parameters": {"SourceColumn": "a"}}}],
        [{"Action": LOWER, "ConditionExpressions": []}],
    ],
)
def test_every_envelope_means_the_same_step(written: Any) -> None:
    assert parsed(written) == CANONICAL


def test_native_values_become_the_strings_that_aws_takes() -> None:
    api = parsed(
        [step("REMOVE_COMBINED", sourceColumns=["a", "é"], removeLetters=True, removeNumbers=None)]
    )
    assert api[0]["Action"]["Parameters"] == {
        "removeLetters": "true",
        "sourceColumns": '["a","é"]',
    }


def test_empty_parameters_are_left_out() -> None:
    api = parsed([step("MERGE", sourceColumns=["a"], targetColumn="b", delimiter="")])
    assert "delimiter" not in api[0]["Action"]["Parameters"]


def test_console_only_parameters_are_kept_and_mean_nothing() -> None:
    made = step("LOWER_CASE", sourceColumn="a", functionStepType="LOWER_CASE", maskMode="x")
    assert recipe(made).to_api()[0]["Action"]["Parameters"]["maskMode"] == "x"
    assert recipe(made).check(["a"]) == ()


def test_conditions_are_emitted_without_empty_values() -> None:
    made = step("LOWER_CASE", sourceColumn="a", conditions=[condition("IS_MISSING", "a")])
    api = recipe(made).to_api()
    assert api[0]["ConditionExpressions"] == [{"Condition": "IS_MISSING", "TargetColumn": "a"}]


def findings(*steps: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        recipe(*steps)
    return [str(finding) for finding in caught.value.findings]


def test_a_misspelt_parameter_names_the_right_one() -> None:
    good = step("LOWER_CASE", sourceColumn="a")
    text = json.dumps([good, good, step("LOWER_CASE", sourceColum="a")], indent=1)
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, name="recipe.json")
    line = text[: text.rindex('"Action"')].count("\n")
    assert str(caught.value.findings[0]) == (
        f"step 3 (LOWER_CASE), line {line}: unknown parameter 'sourceColum'; "
        "did you mean 'sourceColumn'? Allowed: sourceColumn, sourceColumns"
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = findings(
        step("LOWERCASE", sourceColumn="a"),
        step("RENAME", sourceColumn="a"),
        step("LOWER_CASE", sourceColumn="a", conditions=[condition("ISNT", "a", "x")]),
        step("GET_STEP_DATAFRAME"),
        {"Action": {"Operation": 3}},
    )
    assert len(told) == 5
    assert "did you mean 'LOWER_CASE'?" in told[0]
    assert "missing parameter 'targetColumn'" in told[1]
    assert "unknown condition 'ISNT'" in told[2]
    assert "interactive DataBrew session" in told[3]
    assert "Operation" in told[4]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "list of steps"),
        ("{}", "list of steps"),
        ("[]", "no step"),
        ('[\n{"Action": }]', "line 2"),
        ('[{"Action": {"Operation": "DELETE"}} 1]', "expecting"),
        ("[] x", "after the list"),
        ('[{"Action": {"Operation": "A", "Operation": "B"}}]', "twice"),
        ('[{"Acton": {"Operation": "A"}}]', "did you mean 'Action'"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps([step("LOWER_CASE", sourceColumn="a")] * 101), "AWS allows 100"),
        (json.dumps([step("REPLACE_TEXT", sourceColumn="a", pattern="x" * 32_769)]), "32768"),
        (json.dumps([step("DELETE", sourceColumn="a", SourceColumn="b")]), "twice"),
        (json.dumps([step("LOWER_CASE", sourceColumn="a", sourceColumns=["b"])]), "both there"),
        (json.dumps([step("RENAME", sourceColumn="a", targetColumn="b") | {"ConditionExpressions": [
            condition("IS", "a", "x")]}]), "takes no ConditionExpressions"),
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        parse_recipe(text, name="r")


def test_the_flow_of_columns_is_checked_against_the_input() -> None:
    made = recipe(
        step("RENAME", sourceColumn="email", targetColumn="mail"),
        step("LOWER_CASE", sourceColumn="email"),
        step("DELETE", sourceColumns=["mial"]),
        step("RENAME", sourceColumn="mail", targetColumn="name"),
    )
    told = [str(finding) for finding in made.check(["email", "name"])]
    assert told == [
        (
            "step 2 (LOWER_CASE), line 1: unknown column 'email'; step 1 removed or renamed it"
            "; did you mean 'mail'?"
        ),
        "step 3 (DELETE), line 1: unknown column 'mial'; did you mean 'mail'?",
        "step 4 (RENAME), line 1: column 'name' already exists; choose another target name",
    ]


def test_a_wrong_step_does_not_blame_the_steps_that_use_its_column() -> None:
    made = recipe(
        step("RENAME", sourceColumn="nope", targetColumn="x"), step("LOWER_CASE", sourceColumn="x")
    )
    assert [finding.step for finding in made.check(["a"])] == [1]


def test_secrets_are_named_once() -> None:
    hashed = step("CRYPTOGRAPHIC_HASH", sourceColumn="a", secretId="one")
    other = step("CRYPTOGRAPHIC_HASH", sourceColumn="a", secretId="two")
    assert recipe(hashed, other, hashed).secret_ids == ("one", "two")


TEXTS = st.text(min_size=1, max_size=20)


@given(
    st.lists(
        st.builds(
            lambda a, b: step("REPLACE_TEXT", sourceColumn=a, pattern="x", value=b), TEXTS, TEXTS
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_emitted_reads_back_as_the_same_recipe(steps: list[Any]) -> None:
    first = recipe(*steps)
    again = parse_recipe(json.dumps(first.to_api()), name="again")
    assert again.steps == first.steps
    assert again.sha256 == first.sha256
