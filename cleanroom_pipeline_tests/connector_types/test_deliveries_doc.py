from pathlib import Path

import pytest
import yaml

from cleanroom_pipeline.connector_types.check import mistakes_in
from cleanroom_pipeline.connector_types.completion_settings import BUILDERS, CompletionSettings

PAGE = (Path(__file__).parents[2] / "docs" / "deliveries.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
EXAMPLES = [
    pytest.param(section, example.partition("```")[0], id=f"{section}-{number}")
    for section, part in SECTIONS.items()
    for number, example in enumerate(part.split("```yaml\n")[1:])
]


def test_every_policy_has_a_section_with_an_example() -> None:
    shown = {section for section, *_ in (example.values for example in EXAMPLES)}
    assert shown == set(BUILDERS)


@pytest.mark.parametrize(("section", "example"), EXAMPLES)
def test_an_example_is_a_connector_without_mistake_and_builds_the_policy_of_its_section(
    section: str, example: str, tmp_path: Path
) -> None:
    (tmp_path / "recipe.json").write_text("[]")
    assert mistakes_in(example, tmp_path / "defs.yaml") == []
    settings = CompletionSettings.model_validate(
        yaml.safe_load(example)["attributes"]["completion"]
    )
    assert settings.chosen().name == section
