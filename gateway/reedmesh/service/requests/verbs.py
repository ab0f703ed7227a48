"""The verbs of requests: a function that answers one is registered with `@verb("name")`."""

from collections.abc import Awaitable, Callable
from typing import Any

from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context

Answer = Callable[[Context, Arguments], Awaitable[dict[str, Any]]]

VERBS: dict[str, Answer] = {}  # filled when the modules of requests are imported, see server.py


def verb(name: str) -> Callable[[Answer], Answer]:
    """Register the function below as the answer to `request/<name>`."""

    def register(answer: Answer) -> Answer:
        VERBS[name] = answer
        return answer

    return register
