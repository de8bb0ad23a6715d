"""The admin endpoint `/_local/`: turns the clock, fills AppFlow's sources, scripts outcomes.

Here: what a test or a demo may ask for that AWS has no operation for. Not here: how it is done.

| request                                          | body                                          |
|--------------------------------------------------|-----------------------------------------------|
| GET /_local/clock                                |                                               |
| POST /_local/clock                               | {"advance": seconds, "wait": true}            |
| PUT /_local/appflow/sources/<connector>/<entity> | JSON Lines, in place of what is stored there  |
| POST (the same)                                  | JSON Lines, after what is stored there        |
| PUT /_local/appflow/outcomes/<flow or *>         | {"status", "message", "put_failures", "times"}|
| PUT /_local/databrew/outcomes/<job or *>         | {"state", "message", "times"}                 |

`<connector>` is a profile's connectorLabel, else its connectorType. `?pull=new` makes a source give
each record once to each flow; `?pull=all`, the default, gives all of them each time. With `wait`,
the clock answers when everything that became due is done. Everything else is by AWS's own names.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from cleanroom_pipeline.local_aws.application import ADMIN_PREFIX
from cleanroom_pipeline.local_aws.background import Background
from cleanroom_pipeline.local_aws.clock import Clock
from cleanroom_pipeline.local_aws.http import Request, Response, json_response
from cleanroom_pipeline.local_aws.outcomes import Outcomes
from cleanroom_pipeline.local_aws.sources import Sources

SETTLE_SECONDS = 60.0

Handler = Callable[[Request, list[str]], Mapping[str, Any]]


class Admin:
    """Answers `/_local/...`; every refusal is a 400 with a sentence."""

    def __init__(
        self,
        clock: Clock,
        background: Background,
        sources: Sources,
        outcomes: Mapping[str, tuple[str, Outcomes]],
    ) -> None:
        self._clock = clock
        self._background = background
        self._sources = sources
        self._outcomes = outcomes
        self._handlers: Mapping[tuple[str, str, int], Handler] = {
            ("GET", "clock", 0): self._show_clock,
            ("POST", "clock", 0): self._turn_clock,
            ("PUT", "sources", 2): self._fill_source,
            ("POST", "sources", 2): self._fill_source,
            ("PUT", "outcomes", 1): self._script_outcome,
        }

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        parts = [unquote(part) for part in request.path.removeprefix(ADMIN_PREFIX).split("/")]
        service = parts.pop(0) if parts[0] in self._outcomes else ""
        handler = self._handlers.get((request.method, parts[0], len(parts) - 1))
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
        state_member, outcomes = self._outcomes[service]
        outcomes.script(name, state_member, _json(request))
        return {"scripted": name}


def _json(request: Request) -> dict[str, Any]:
    content = json.loads(request.body)
    if not isinstance(content, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004  # as for a body that is no JSON at all
    return content
