"""The form of a connector's `completion`: how a delivery is known to be whole.

Here: the fields, which policy they go with, and the policy that they choose. Not here: the policies
(`inbound.completion`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from cleanroom_pipeline.connector_types.settings import (
    RESTATEMENT,
    Misfit,
    Settings,
    bounded,
    refuse,
)
from cleanroom_pipeline.inbound.completion.combined import ThenQuiet
from cleanroom_pipeline.inbound.completion.decision import CompletionPolicy, Scope
from cleanroom_pipeline.inbound.completion.file_lists import ListForm, RelativeTo
from cleanroom_pipeline.inbound.completion.patterns import PolicySettingError
from cleanroom_pipeline.inbound.completion.provider_manifest import (
    AEP_PATTERN,
    ProviderManifest,
    aep_manifest,
)
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.completion.restatement import RestatedDays
from cleanroom_pipeline.inbound.completion.sentinel import EmptyDelivery, Lists, Sentinel
from cleanroom_pipeline.inbound.completion.sequence import Gaps, NumberedFiles

A_MONTH_OF_MINUTES = 31 * 24 * 60
A_YEAR_OF_HOURS = 366 * 24

Policy = Literal["quiet_period", "sentinel", "manifest", "provider_run", "sequence", "restatement"]


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that go with a policy, apart from those that go with any."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


ALWAYS = ("policy", "deadline_hours")
MANIFEST = "manifest"
FIELDS: Mapping[str, Fields] = {
    "quiet_period": Fields(("minutes",), ("scope",)),
    "sentinel": Fields((), ("pattern", "scope", "lists", "grace_minutes", "empty", "minutes")),
    MANIFEST: Fields(("form",), ("pattern", "files", "name", "size", "relative_to", "minutes")),
    "manifest, form aep": Fields(("form",), ("pattern", "minutes")),
    "manifest, form json": Fields(
        ("form", "pattern", "files", "name"), ("size", "relative_to", "minutes")
    ),
    "manifest, form csv": Fields(("form", "pattern", "name"), ("size", "relative_to", "minutes")),
    "provider_run": Fields((), ("minutes",)),
    "sequence": Fields(("pattern", "minutes"), ("first", "step", "gaps")),
    RESTATEMENT: Fields(("day", "minutes"), ("days", "timezone", "ignore")),
}


class CompletionSettings(Settings):
    """How a delivery is known to be whole: a policy, and the fields that go with it.

    `minutes` is the quiet time, needed by some policies and added to any other; `deadline_hours` is
    after how long people are told that a delivery is still not whole.
    """

    policy: Policy
    minutes: Annotated[float, bounded(0.01, A_MONTH_OF_MINUTES)] | None = None
    deadline_hours: Annotated[float, bounded(0.01, A_YEAR_OF_HOURS)] | None = None
    pattern: str | None = None
    scope: Scope | None = None
    lists: Lists | None = None
    grace_minutes: Annotated[float, bounded(0, A_MONTH_OF_MINUTES)] | None = None
    empty: EmptyDelivery | None = None
    form: Literal["aep", "json", "csv"] | None = None
    files: str | None = None
    name: str | int | None = None
    size: str | int | None = None
    relative_to: RelativeTo | None = None
    first: Annotated[int, bounded(0)] | None = None
    step: Annotated[int, bounded(1)] | None = None
    gaps: Gaps | None = None
    day: str | None = None
    days: Annotated[int, bounded(0, 400)] | None = None
    timezone: str | None = None
    ignore: Sequence[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def fields_go_with_the_policy(cls, given: Any) -> Any:
        """Refuse fields of another policy, and the lack of one that is needed.

        Done before the fields are read, so that it is done where one of them holds a template.
        """
        if isinstance(given, Mapping):
            refuse(_misfits(given, known=cls.model_fields))
        return given

    @model_validator(mode="after")
    def the_policy_can_be_built(self) -> Self:
        """Refuse what the policy itself refuses, such as a pattern that is not of its form."""
        try:
            self.chosen()
        except PolicySettingError as error:
            refuse([((error.field,), str(error))])
        return self

    def chosen(self) -> CompletionPolicy:
        """Return the policy; PolicySettingError where it refuses a setting."""
        policy = BUILDERS[self.policy](self)
        if self.minutes is None or self.policy in QUIET_THEMSELVES:
            return policy
        return ThenQuiet(policy, self.quiet)

    @property
    def quiet(self) -> timedelta:
        """The quiet time; zero where none is asked for."""
        return timedelta(minutes=self.minutes or 0)

    @property
    def deadline(self) -> timedelta | None:
        """After how long a delivery that is not whole is told of; None where it never is."""
        return None if self.deadline_hours is None else timedelta(hours=self.deadline_hours)


def _misfits(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Misfit]:
    """Return each field that goes with another policy or is missing, and what is to be said."""
    policy = given.get("policy")
    if policy == MANIFEST and f"{MANIFEST}, form {given.get('form')}" in FIELDS:
        policy = f"{MANIFEST}, form {given['form']}"
    fields = FIELDS.get(policy) if isinstance(policy, str) else None
    # A field that no policy knows may be a needed one misspelt; it is told with its near names.
    if fields is None or not known.keys() >= given.keys():
        return
    allowed = sorted({*ALWAYS, *fields.needed, *fields.optional})
    for name in given:
        if name in known and name not in allowed and given[name] is not None:
            yield (name,), f"does not go with policy {policy}. Allowed: {', '.join(allowed)}"
    for name in fields.needed:
        if given.get(name) is None:
            yield (name,), f"is needed with policy {policy}"


def _sentinel(settings: CompletionSettings) -> CompletionPolicy:
    return Sentinel(
        pattern=settings.pattern or "_SUCCESS",
        scope=settings.scope or "folder",
        lists=settings.lists or "none",
        grace=timedelta(minutes=settings.grace_minutes or 0),
        empty=settings.empty or "waits",
    )


def _manifest(settings: CompletionSettings) -> CompletionPolicy:
    if settings.form == "aep":
        return aep_manifest(settings.pattern or AEP_PATTERN)
    form = ListForm(
        kind="csv" if settings.form == "csv" else "json",
        files=settings.files or ".",
        name=str(settings.name),
        size=None if settings.size is None else str(settings.size),
    )
    return ProviderManifest(settings.pattern or "", form, settings.relative_to or "manifest")


def _sequence(settings: CompletionSettings) -> CompletionPolicy:
    return NumberedFiles(
        pattern=settings.pattern or "",
        first=settings.first,
        step=settings.step or 1,
        gaps=settings.gaps or "cut",
    )


def _restatement(settings: CompletionSettings) -> CompletionPolicy:
    return RestatedDays(
        day=settings.day or "",
        quiet=settings.quiet,
        days=3 if settings.days is None else settings.days,
        timezone=settings.timezone or "UTC",
        ignore=tuple(settings.ignore or ()),
    )


QUIET_THEMSELVES = frozenset({"quiet_period", RESTATEMENT})
BUILDERS: Mapping[str, Callable[[CompletionSettings], CompletionPolicy]] = {
    "quiet_period": lambda settings: QuietPeriod(settings.quiet, settings.scope or "prefix"),
    "sentinel": _sentinel,
    MANIFEST: _manifest,
    "provider_run": lambda _: ProviderRun(),
    "sequence": _sequence,
    RESTATEMENT: _restatement,
}
