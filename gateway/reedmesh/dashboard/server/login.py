"""The page to log in on, and the two requests it makes: plain HTML, which works before anything else does."""

import asyncio
import logging
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reedmesh.dashboard.model.passwords import fits, hashed
from reedmesh.dashboard.model.sessions import User
from reedmesh.dashboard.server.admission import COOKIE, Admission
from reedmesh.dashboard.server.middleware import cookie, read_cookies
from reedmesh.dashboard.settings import Account
from reedmesh.dashboard.ui.language import HTML, Language, preferred
from reedmesh.dashboard.ui.urls import within

log = logging.getLogger(__name__)

MOST_FORM = 4096  # bytes of what a form sends

PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="{style}"></head>
<body class="{theme}"><main class="login"><h1>{title}</h1><form method="post" action="{action}">
<label>{name}<input name="name" autocomplete="username" required maxlength="64" autofocus></label>
<label>{password}<input name="password" type="password" autocomplete="current-password" required maxlength="200">
</label>
<input type="hidden" name="next" value="{next}"><p class="faults" role="alert">{fault}</p>
<button class="primary">{go}</button></form></main></body></html>"""


class Login:
    """Log in and out by `admission`."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._accounts = {account.name: account for account in admission.settings.accounts}
        self._nobody = Account("", hashed("nobody has this one"))
        self._one = asyncio.Lock()  # hash at a time: each takes 32 MiB

    async def show(self, request: Request) -> Response:
        """GET /login."""
        return self._page(request, _safe(request.query_params.get("next", "/")))

    async def enter(self, request: Request) -> Response:
        """POST /login."""
        form = await _form(request)
        place, address = _safe(form("next")), request.client.host if request.client else ""
        if wait := self._admission.tries.wait(address, self._admission.clock()):
            return self._page(request, place, lambda say: say("login.wait", n=int(wait / 60) + 1), 429)
        self._admission.tries.failed(address, self._admission.clock())
        account = self._accounts.get(form("name"), self._nobody)
        async with self._one:
            right = await asyncio.to_thread(fits, form("password"), account.password)
        if not right or account is self._nobody:
            log.warning("%s: wrong password for %.64r", address, form("name"))
            return self._page(request, place, lambda say: say("login.wrong"), 403)
        self._admission.tries.right(address)
        token = self._admission.sessions.open(User(account.name, account.role), self._admission.clock())
        log.info("%s: %s logged in", address, account.name)
        return _go(place, cookie(COOKIE, token, request.url.scheme == "https"))

    async def leave(self, request: Request) -> Response:
        """POST /logout."""
        self._admission.sessions.close(read_cookies(request.headers.get("cookie", "")).get(COOKIE, ""))
        return _go("/login", cookie(COOKIE, "", request.url.scheme == "https", 0))

    def _page(
        self, request: Request, place: str, fault: Callable[[Language], str] = lambda _: "", status: int = 200
    ) -> Response:
        code = request.cookies.get("lang", "") or preferred(request.headers.get("accept-language", ""))
        say = Language(code if code in HTML else "en")
        theme = request.cookies.get("theme", "auto")
        values = {
            "lang": HTML[say.code],
            "title": self._admission.settings.title,
            "theme": f"body--{theme}" if theme in ("light", "dark") else "body--auto",
            "name": say("login.name"),
            "password": say("login.password"),
            "go": say("login.go"),
            "next": place,
            "style": within("/style.css"),
            "action": within("/login"),
            "fault": fault(say),
        }
        page = PAGE.format_map({key: escape(value) for key, value in values.items()})
        return HTMLResponse(page, status, {"cache-control": "no-store"})


async def _form(request: Request) -> Callable[[str], str]:
    """The fields of a form; what is too long is none."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM:
            body = b""
            break
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return lambda name: fields.get(name, [""])[0]


def _safe(place: str) -> str:
    """A path of ours, to go on to: nothing that leads to another site."""
    return place if place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable() else "/"


def _go(place: str, header: tuple[bytes, bytes]) -> Response:
    response = RedirectResponse(within(place), 303)
    response.raw_headers.append(header)
    return response
