"""From steps to a plan, and to findings about them.

Here: looking a step's operation up, reading its parameters, applying steps to a frame one by one.
Not here: what any operation does (operations/).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from cleanroom_pipeline.recipe.conditions import check_condition
from cleanroom_pipeline.recipe.findings import Finding, RecipeError, StepError, not_among
from cleanroom_pipeline.recipe.operations import catalogue, registry
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions, read_call
from cleanroom_pipeline.recipe.plan import Column, Frame
from cleanroom_pipeline.recipe.steps import Step
from cleanroom_pipeline.recipe.withheld import WatchedSurvey, withhold


def check_step(step: Step) -> list[Finding]:
    """Return what is wrong with a step by itself, whatever columns there are."""
    declared = registry().get(step.operation)
    if declared is None:
        return [_finding(step, _not_there(step.operation))]
    if declared.refused:
        return [_finding(step, f"this operation is refused: {declared.doc}")]
    problems = read_call(declared, step)[1]
    if step.conditions and not declared.conditions:
        problems.append("takes no ConditionExpressions: it changes the table, not rows of it")
    for condition in step.conditions:
        problems += check_condition(condition)
    return [_finding(step, problem) for problem in problems]


def _not_there(name: str) -> str:
    if name in catalogue.REFUSED:
        return f"this operation is refused: {catalogue.REFUSED[name]}"
    known = [*registry(), *catalogue.OPERATIONS]
    return (
        f"unknown operation {name!r}{not_among(name, known).partition(' Allowed')[0].rstrip(';')}"
    )


def _finding(step: Step, message: str) -> Finding:
    return Finding(message, step.number, step.operation, step.line)


def apply_step(step: Step, frame: Frame, options: PlanOptions) -> Frame:
    """Return the frame after a step that `check_step` found nothing wrong with."""
    declared = registry()[step.operation]
    call, _ = read_call(declared, step)
    if declared.build is None:
        raise StepError("this operation is refused")
    at_step = replace(frame, step=step.number)
    for condition in step.conditions:
        at_step.column(condition.target_column)
    return declared.build(replace(call, options=options), at_step)


def check_columns(steps: Iterable[Step], columns: Sequence[str]) -> list[Finding]:
    """Return what is wrong with the flow of columns through steps right by themselves."""
    repeated = sorted({name for name in columns if list(columns).count(name) > 1})
    if repeated:
        return [Finding(f"the input names a column twice: {', '.join(map(repr, repeated))}")]
    frame = Frame(tuple(Column(name) for name in columns), inputs=frozenset(columns))
    return [finding for finding, _ in _flow(steps, frame, PlanOptions()) if finding is not None]


def build_plan(
    steps: Iterable[Step], columns: Sequence[Column], options: PlanOptions, *, name: str = "recipe"
) -> Frame:
    """Return the plan of a recipe over typed columns; raises RecipeError with all findings."""
    frame = Frame(tuple(columns), inputs=frozenset(column.name for column in columns))
    steps = list(steps)
    watched = WatchedSurvey(options.survey) if options.survey else None
    written = repr([*sorted(frame.inputs), *(step.to_api() for step in steps)])
    findings = []
    for finding, after in _flow(steps, frame, replace(options, survey=watched)):
        frame = after
        if finding is not None:
            told = withhold(finding.message, watched.seen if watched else (), written)
            findings.append(replace(finding, message=told))
    if findings:
        raise RecipeError(name, findings)
    return frame


def _flow(
    steps: Iterable[Step], frame: Frame, options: PlanOptions
) -> Iterator[tuple[Finding | None, Frame]]:
    """Yield the frame after each step; after a wrong one, its target column stands as text."""
    for step in steps:
        try:
            frame = apply_step(step, frame, options)
        except StepError as error:
            # The column below is in no data: there is nothing to look at for the steps that follow.
            options = replace(options, survey=None)
            target = step.parameters.get("targetColumn")
            if target and target not in frame.names:
                frame = replace(frame, columns=(*frame.columns, Column(target)))
            yield _finding(step, str(error)), frame
        else:
            yield None, frame
