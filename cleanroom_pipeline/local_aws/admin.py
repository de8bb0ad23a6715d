"""The admin endpoint `/_local/`: turns the clock, fills AppFlow's sources, scripts what goes wrong.

Here: what a test or a demo may ask for that AWS has no operation for. Not here: how it is done.

| request                                          | body                                          |
|--------------------------------------------------|-----------------------------------------------|
| GET /_local/clock                                |                                               |
| POST /_local/clock                               | {"advance": seconds, "wait": true}            |
| PUT /_local/appflow/sources/<connector>/<entity> | JSON Lines, in place of what is stored there  |
| POST (the same)                                  | JSON Lines, after what is stored there        |
| PUT /_local/appflow/outcomes/<flow or *>         | {"status", ...}: how the next runs go and end |
| PUT /_local/databrew/outcomes/<job or *>         | {"state", ...}: the same                      |
| DELETE /_local/<service>/outcomes                | forgets that service's outcomes               |
| PUT /_local/token/outcomes                       | what Marketing Cloud's token endpoint takes   |
| GET /_local/faults                               | the rules, and how many requests met each     |
| PUT /_local/faults                               | a rule to add; a list, in place of all rules  |
| DELETE /_local/faults                            | forgets them                                  |
| GET /_local/calls                                | what was asked for, and what broke a model    |
| DELETE /_local/calls                             | forgets it                                    |

`<connector>` is a profile's connectorLabel, else its connectorType. `?pull=new` makes a source give
each record once to each flow; `?pull=all`, the default, gives all of them each time. With `wait`,
the clock answers when everything that became due is done. Everything else is by AWS's own names.

An outcome: a state of the service, or one that it doesn't have (left out: as the run ends by
itself), with `message`, `put_failures` (AppFlow), `times` (null: for ever), `seconds` or
`after_polls` (how long it takes), `lost_answer`, `vanish`, `events` (once, missing, duplicate,
early): see `outcomes.Outcome`. A rule: `kind` (throttle, error, reset, latency, lost_answer),
`service` and `operation` (boto3's names, or *), `probability`, `seed`, `times`, `status`, `code`,
`message`, `seconds`: see `faults.FaultRule`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs, unquote

from cleanroom_pipeline.local_aws.application import ADMIN_PREFIX
from cleanroom_pipeline.local_aws.background import Background
from cleanroom_pipeline.local_aws.calls import Calls
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.faults import Faults
from cleanroom_pipeline.local_aws.http import Request, Response, json_response
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.sources import Sources

SETTLE_SECONDS = 60.0
TOKEN = "token"  # noqa: S105  # a part of a path

Handler = Callable[[Request, list[str]], Mapping[str, Any]]


@runtime_checkable
class Scriptable(Protocol):
    """What takes a script by itself."""

    def script(self, spec: Mapping[str, Any]) -> None:
        """Store how the next requests shall be answered; ValueError names what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Scripts:
    """All that can be scripted: each service's outcomes with the member that names their state."""

    outcomes: Mapping[str, tuple[str, Outcomes]]
    faults: Faults
    calls: Calls
    token: object


class Admin:
    """Answers `/_local/...`; every refusal is a 400 with a sentence."""

    def __init__(
        self, clock: Clock, background: Background, sources: Sources, scripts: Scripts
    ) -> None:
        self._clock = clock
        self._background = background
        self._sources = sources
        self._scripts = scripts
        self.handlers: Mapping[tuple[str, str, int], Handler] = {
            ("GET", "clock", 0): self._show_clock,
            ("POST", "clock", 0): self._turn_clock,
            ("PUT", "sources", 2): self._fill_source,
            ("POST", "sources", 2): self._fill_source,
            ("PUT", "outcomes", 1): self._script_outcome,
            ("DELETE", "outcomes", 0): self._forget_outcomes,
            ("PUT", "token/outcomes", 0): self._script_token,
            ("GET", "faults", 0): self._show_faults,
            ("PUT", "faults", 0): self._set_faults,
            ("DELETE", "faults", 0): self._forget_faults,
            ("GET", "calls", 0): lambda _request, _parts: scripts.calls.told(),
            ("DELETE", "calls", 0): self._forget_calls,
        }

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        parts = [unquote(part) for part in request.path.removeprefix(ADMIN_PREFIX).split("/")]
        service = parts.pop(0) if parts[0] in self._scripts.outcomes else ""
        if parts[0] == TOKEN:
            parts = ["/".join(parts)]
        handler = self.handlers.get((request.method, "".join(parts[:1]), len(parts) - 1))
        if handler is None:
            return json_response(404, {"message": "The admin endpoint has no such path."})
        try:
            return json_response(200, handler(request, [service, *parts[1:]]))
        except ValueError as error:
            return json_response(400, {"message": str(error)})

    def _show_clock(self, _request: Request, _parts: list[str]) -> Mapping[str, Any]:
        return {"now": self._clock.now(), "offset": self._clock.offset}

    def _turn_clock(self, request: Request, _parts: list[str]) -> Mapping[str, Any]:
        asked = _json(request)
        seconds = asked.get("advance")
        if not isinstance(seconds, int | float):
            raise ValueError('The body must be {"advance": <seconds>, "wait": <true or false>}.')  # noqa: TRY004  # one error type for all that is wrong with it
        self._clock.advance(seconds)
        self._background.wake()
        settled = bool(asked.get("wait", True)) and self._background.settle(SETTLE_SECONDS)
        return {"now": self._clock.now(), "offset": self._clock.offset, "settled": settled}

    def _fill_source(self, request: Request, parts: list[str]) -> Mapping[str, Any]:
        _service, connector, entity = parts
        pull = parse_qs(request.query).get("pull", ["all"])[-1]
        stored = self._sources.fill(
            (connector, entity), request.body, replace=request.method == "PUT", pull=pull
        )
        return {"records": stored}

    def _script_outcome(self, request: Request, parts: list[str]) -> Mapping[str, Any]:
        service, name = parts
        state_member, outcomes = self._of(service)
        outcomes.script(name, state_member, _json(request))
        return {"scripted": name}

    def _forget_outcomes(self, _request: Request, parts: list[str]) -> Mapping[str, Any]:
        self._of(parts[0])[1].clear()
        return {"scripted": None}

    def _of(self, service: str) -> tuple[str, Outcomes]:
        if service not in self._scripts.outcomes:
            names = " or ".join(sorted(self._scripts.outcomes))
            raise ValueError(f"Outcomes are scripted for a service: /_local/<{names}>/outcomes.")
        return self._scripts.outcomes[service]

    def _script_token(self, request: Request, _parts: list[str]) -> Mapping[str, Any]:
        if not isinstance(self._scripts.token, Scriptable):
            raise ValueError("The token endpoint takes no script.")  # noqa: TRY004  # as for any wrong request
        self._scripts.token.script(_json(request))
        return {"scripted": TOKEN}

    def _show_faults(self, _request: Request, _parts: list[str]) -> Mapping[str, Any]:
        return {"faults": self._scripts.faults.told()}

    def _set_faults(self, request: Request, _parts: list[str]) -> Mapping[str, Any]:
        specs = json.loads(request.body)
        if not isinstance(specs, dict | list) or not all(
            isinstance(spec, dict) for spec in (specs if isinstance(specs, list) else [specs])
        ):
            raise ValueError("The body must be a rule (a JSON object), or a list of them.")
        return {"rules": self._scripts.faults.set(specs)}

    def _forget_faults(self, _request: Request, _parts: list[str]) -> Mapping[str, Any]:
        self._scripts.faults.clear()
        return {"rules": 0}

    def _forget_calls(self, _request: Request, _parts: list[str]) -> Mapping[str, Any]:
        self._scripts.calls.clear()
        return {"calls": []}


def _json(request: Request) -> dict[str, Any]:
    content = json.loads(request.body)
    if not isinstance(content, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004  # as for a body that is no JSON at all
    return content
