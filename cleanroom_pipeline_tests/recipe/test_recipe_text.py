"""The forms a recipe's text may have: JSON, YAML, and what holds a list of steps.

Here: that all forms mean the same, and that hostile texts are refused. Not here: findings about
steps (test_language.py).
"""

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import Recipe, RecipeError, parse_recipe
from cleanroom_pipeline.recipe.recipe_text import UnreadableRecipeError
from cleanroom_pipeline_tests.recipe.running import condition, step

CONSOLE_YAML = """
# Exported by the console.
- Action:
    Operation: MOVE_TO_INDEX
    Parameters:
      sourceColumn: age
      targetIndex: "2"
- Action:
    Operation: REMOVE_COMBINED
    Parameters:
      sourceColumns: '["first name","postcode"]'
      removeLetters: TRUE
  ConditionExpressions:
    - Condition: IS
      Value: '["NO","SE"]'
      TargetColumn: country
"""


def parsed(text: str) -> Recipe:
    return parse_recipe(text, name="r")


def parameters(text: str) -> dict[str, str]:
    return dict(parsed(text).steps[0].parameters)


def finding(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parsed(text)
    return str(caught.value.findings[0])


def test_a_yaml_export_is_read_with_its_lines() -> None:
    made = parsed(CONSOLE_YAML)
    assert [(one.operation, one.line) for one in made.steps] == [
        ("MOVE_TO_INDEX", 3),
        ("REMOVE_COMBINED", 8),
    ]
    assert made.steps[1].parameters == {
        "sourceColumns": '["first name","postcode"]',
        "removeLetters": "true",
    }
    assert made.steps[1].conditions[0].value == '["NO","SE"]'


def test_findings_name_the_line_of_a_yaml_step() -> None:
    wrong = CONSOLE_YAML.replace("targetIndex:", "targetIdex:")
    assert finding(wrong).startswith("step 1 (MOVE_TO_INDEX), line 3: unknown parameter")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("007", "007"),
        ("1_000", "1_000"),
        ("no", "no"),
        ("2020-01-31", "2020-01-31"),
        ("12:30:00", "12:30:00"),
        ("1.50", "1.50"),
        ("-3", "-3"),
        ('"true"', "true"),
        ("TRUE", "true"),
        ("'null'", "null"),
        ("NaN", "NaN"),
        ("[1, 1.50, true, null, no]", '[1,1.50,true,null,"no"]'),
        ("{a: 1, b: x}", '{"a":1,"b":"x"}'),
    ],
)
def test_a_plain_yaml_text_stays_the_text_it_is(written: str, read: str) -> None:
    text = f"- Action:\n    Operation: REPLACE_TEXT\n    Parameters:\n      value: {written}\n"
    text += "      sourceColumn: a\n      pattern: x\n"
    assert parameters(text)["value"] == read


@pytest.mark.parametrize("written", ["", "~", "null", ".nan", ".NaN", '""'])
def test_what_says_nothing_is_left_out(written: str) -> None:
    text = "- Action:\n    Operation: REPLACE_TEXT\n    Parameters:\n      sourceColumn: a\n"
    assert "value" not in parameters(f"{text}      pattern: x\n      value: {written}\n")


def test_letters_of_any_script_need_no_escapes_in_yaml() -> None:
    text = yaml.safe_dump([step("LOWER_CASE", sourceColumn="имя 名")], allow_unicode=True)
    assert "имя 名" in text
    assert parameters(text) == {"sourceColumn": "имя 名"}


@pytest.mark.parametrize("written", ["NaN", '"NaN"'])
def test_a_place_that_is_no_number_says_nothing(written: str) -> None:
    """The console writes it beside steps that move nothing."""
    text = f'[{{"Action": {{"Operation": "RENAME", "Parameters": {{"targetIndex": {written}}}}}}}]'
    assert "missing parameter" in finding(text)
    assert "targetIndex" not in finding(text)


def test_numbers_are_not_rounded_on_the_way() -> None:
    big = "12345678901234567890.10"
    text = json.dumps([step("REPLACE_TEXT", sourceColumn="a", pattern="x", value="?")])
    assert parameters(text.replace('"?"', big))["value"] == big
    assert parameters(text.replace('"?"', f"[{big}]"))["value"] == f"[{big}]"


DESCRIBED = {"Name": "r", "Steps": [step("LOWER_CASE", sourceColumn="a")], "Tags": {"Steps": "1"}}


@pytest.mark.parametrize("written", [json.dumps(DESCRIBED, indent=1), yaml.safe_dump(DESCRIBED)])
def test_the_steps_of_a_described_recipe_are_read(written: str) -> None:
    assert parsed(written).to_api() == DESCRIBED["Steps"]


def test_names_may_begin_with_either_case() -> None:
    lower = [
        {
            "action": {"operation": "LOWER_CASE", "parameters": {"SourceColumn": "a"}},
            "conditionExpressions": [{"condition": "IS_MISSING", "targetColumn": "a"}],
        }
    ]
    upper = [step("LOWER_CASE", sourceColumn="a", conditions=[condition("IS_MISSING", "a")])]
    assert parsed(json.dumps(lower)) == parsed(json.dumps(upper))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a: &x 1\n- b: *x", "line 1: anchors and aliases are refused"),
        ("- *x", "line 1: anchors and aliases"),
        ("- !!python/object/apply:os.system ['id']", "line 1: tags are refused"),
        ("- a\n---\n- b", "more than one YAML document"),
        ("- {a: 1, [b]: 2}", "a key must be a text"),
        ("- " * 50 + "a", "nested too deeply"),
        ("[" * 3 + "a", "not JSON"),
        ("a: b: c", "line 1: not YAML"),
        ("- a\n  b: c\n\t- d", "not YAML"),
        ('- "\\UFFFFFFFF"', "not YAML: holds what YAML does not allow"),
        ("%YAML 1." + "9" * 5_000 + "\n--- a", "not YAML"),
        ("\x00", "not YAML"),
        ("just a text", "list of steps"),
        ("# nothing", "list of steps"),
        ("Steps: 3", "list of steps"),
        ("Steps: []\nSteps: []", "Steps is written twice"),
        ('{"Steps": [], "Steps": []}', "Steps is written twice"),
        ('{"Steps" []}', "expecting a name and ':'"),
        ('{"Steps": []', "expecting ',' or '}'"),
        ('{"Name": "x"}', "list of steps"),
        ('{"Steps": []} x', "after the list"),
    ],
)
def test_what_no_step_can_be_read_of_is_unreadable(text: str, reason: str) -> None:
    with pytest.raises(UnreadableRecipeError) as caught:
        parsed(text)
    assert reason in str(caught.value)


def test_a_text_that_unfolds_is_refused_before_it_does() -> None:
    bomb = "- &a [x]\n" + "".join(
        f"- &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20)
    )
    assert "anchors and aliases are refused" in finding(bomb)


NESTED = json.loads("[" * 40 + "]" * 40)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"Action": {"Operation": "A"}, "RecipeAction": {"Operation": "A"}}]', "both there"),
        ('[{"Action": {"Operation": "A"}, "action": {"Operation": "A"}}]', "written twice"),
        ('[{"Action": {"Operation": "lower_case"}}]', "did you mean 'LOWER_CASE'"),
        (json.dumps([{"Action": {"Operation": "A" * 129}}]), "needs an Action with an Operation"),
        ("- Action:\n    Operation: A\n    Operation: B", "'Operation' is written twice"),
        (
            '[{"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": "\\ud800"}}}]',
            "half a character",
        ),
        (
            '[{"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": {"a":1,"a":2}}}}]',
            "holds the key 'a' twice",
        ),
        (
            '[{"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": [NaN]}}}]',
            "a number that JSON can't write",
        ),
        (json.dumps([step("DELETE", x=NESTED)]), "'x' is nested too deeply"),
        (f"[{','.join('1' * 1_500)}]", "more than 1000 steps; AWS allows 100"),
    ],
)
def test_what_is_wrong_in_a_step_is_a_finding_of_it(text: str, reason: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(text)
    assert not isinstance(caught.value, UnreadableRecipeError)
    assert reason in str(caught.value)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NATIVE = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-1_000, 1_000), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STEPS = st.lists(
    st.builds(
        lambda column, value, conditions: step(
            "REPLACE_TEXT", conditions=conditions, sourceColumn=column, pattern="x", value=value
        ),
        TEXTS,
        NATIVE,
        st.lists(st.builds(lambda c, v: condition("IS", c, v), TEXTS, TEXTS), max_size=2),
    ),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(STEPS)
def test_yaml_and_json_of_a_recipe_are_the_same_recipe(steps: list[Any]) -> None:
    as_json = parsed(json.dumps(steps))
    assert parsed(yaml.safe_dump(steps, explicit_start=True, indent=6, sort_keys=False)) == as_json
    assert parsed(yaml.safe_dump(steps, width=20, sort_keys=False)) == as_json


@settings(deadline=None)
@given(STEPS)
def test_what_is_emitted_is_what_was_parsed_in_either_form(steps: list[Any]) -> None:
    first = parsed(json.dumps(steps))
    api = first.to_api()
    assert parsed(json.dumps(api)) == first
    assert parsed(yaml.safe_dump(api)) == first
    for one in api:
        values = one["Action"]["Parameters"].values()
        assert all(isinstance(value, str) and value for value in values)


MARKS = "- |: |\n|  |{|}|[|]|,|\"|'|&a|*a|!!x|%|---|>|?|\\u|\\U0011FFFF|#|\t|\x85|\0|<<|~|\ud800"
WORDS = "Action Operation Steps DELETE ConditionExpressions Parameters NaN 1e999 é |"
PIECES = st.sampled_from([*MARKS.split("|"), *WORDS.split()])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
@example('[{"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": 1e999}}}]')
@example("- ? a\n  : b")
def test_a_hostile_text_is_refused_as_a_recipe(text: str) -> None:
    try:
        steps = parsed(text).steps
    except RecipeError as error:
        steps = ()
        told = error.findings
    assert steps or told
