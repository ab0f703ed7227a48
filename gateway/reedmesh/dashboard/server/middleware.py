"""Checks of every request: host, origin, session; and headers of every answer that restrict the browser.

The Content-Security-Policy allows scripts and styles by a nonce only, which each page gets anew: a tag that found its
way into a page would do nothing. Nothing is evaluated ('unsafe-eval' is not there), nothing is loaded from elsewhere.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from reedmesh.dashboard.server.admission import Admission
from reedmesh.dashboard.ui.language import CODES
from reedmesh.dashboard.ui.urls import within

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

USER = "reedmesh.user"  # where a scope has who asks
OPEN = ("/login", "/style.css", "/favicon.ico", "/_nicegui/")  # what anybody may have
SOCKETS = "/_nicegui_ws/"
CHOICES = {"lang": CODES, "theme": ("light", "dark", "auto")}  # what a reader may set, by ?lang=pt
YEAR = 31_536_000

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, our own forms would come from the origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def policy(nonce: str) -> str:
    """The Content-Security-Policy of a page (CSP level 3); without a nonce, of everything else."""
    by = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src {by}; style-src {by}; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: App, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        scope["client"], scope["scheme"], address = self._admission.forwarded(scope)
        scope["path"] = _below(scope["path"], self._admission.settings.prefix)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if fault := self._fault(scope, headers):
            return await _refuse(scope, send, 403, fault)
        cookies = read_cookies(headers.get("cookie", ""))
        user = scope[USER] = self._admission.user(address, headers, cookies)
        if user is None and not _is_open(scope["path"]):
            return await _ask_to_log_in(scope, send)
        if chosen := _choice(scope):
            return await _redirect(send, *chosen)
        return await self._app(
            _with_prefix(scope, self._admission.settings.prefix),
            receive,
            _Dressed(send, scope.get("scheme") == "https"),
        )

    def _fault(self, scope: Scope, headers: dict[str, str]) -> str:
        """Why the request is refused; "" if it is not."""
        host = headers.get("host", "")
        if not self._admission.host_is_ours(host):
            return f"this page is not called {host!r:.80}: see `names` in docs/dashboard.md"
        origin = headers.get("origin", "")
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if (writes or origin) and not self._admission.origin_is_ours(origin, host):
            return "asked by a page of another site"
        return ""


class _Dressed:
    """Sends answers on, with our headers, and a nonce in each page's script and style tags."""

    def __init__(self, send: Send, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self._start: MutableMapping[str, Any] | None = None
        self._nonce = ""
        self._body = b""

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Take one ASGI message."""
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._nonce = secrets.token_urlsafe(16) if kind.startswith(b"text/html") else ""
            self._start = self._dressed(message)
            if not self._nonce:
                await self._send(self._start)
        elif message["type"] == "http.response.body" and self._nonce:
            await self._page(message)
        else:
            await self._send(message)

    async def _page(self, message: MutableMapping[str, Any]) -> None:
        """Keep a page until it is whole: what is text in it has no `<` of its own, so all tags are NiceGUI's."""
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        mark = f' nonce="{self._nonce}"'.encode()
        body = self._body.replace(b"<script", b"<script" + mark).replace(b"<style", b"<style" + mark)
        body = body.replace(b'style="display: none"', b"hidden")  # the one style in NiceGUI's page that has no tag
        others = [(name, value) for name, value in self._start["headers"] if name != b"content-length"]
        await self._send({**self._start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})

    def _dressed(self, message: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        ours = HEADERS | {"content-security-policy": policy(self._nonce)}
        if self._secure:
            ours["strict-transport-security"] = f"max-age={YEAR}"
        theirs = [pair for pair in message["headers"] if not pair[0].startswith(b"access-control-")]
        return {**message, "headers": theirs + [(name.encode(), value.encode()) for name, value in ours.items()]}


def read_cookies(header: str) -> dict[str, str]:
    """The cookies of a request."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def cookie(name: str, value: str, secure: bool, age: int | None = None) -> tuple[bytes, bytes]:
    """A Set-Cookie header: for our own pages only, never for scripts. age: seconds; None: until the browser ends."""
    lasts = "" if age is None else f"; Max-Age={age}"
    text = f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{lasts}{'; Secure' if secure else ''}"
    return b"set-cookie", text.encode()


def _is_open(path: str) -> bool:
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in OPEN)


def _choice(scope: Scope) -> tuple[str, list[tuple[bytes, bytes]]] | None:
    """Where to go, and what to remember, after a reader chose a language or a theme."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    pairs = parse_qsl(scope["query_string"][:1000].decode("latin-1"))
    chosen = [(name, value) for name, value in pairs if value in CHOICES.get(name, ())]
    if not chosen:
        return None
    others = urlencode([pair for pair in pairs if pair not in chosen])
    place = quote("/" + scope["path"].lstrip("/")) + (f"?{others}" if others else "")
    return place, [cookie(name, value, scope.get("scheme") == "https", YEAR) for name, value in chosen]


def _with_prefix(scope: Scope, prefix: str) -> Scope:
    """With our own prefix in the header that NiceGUI puts before every path: anybody can send another one."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-prefix"]
    return {**scope, "headers": [*headers, (b"x-forwarded-prefix", prefix.encode())] if prefix else headers}


def _below(path: str, prefix: str) -> str:
    """The path without the prefix, which a proxy may take off or leave."""
    return path[len(prefix) :] or "/" if prefix and f"{path}/".startswith(f"{prefix}/") else path


async def _ask_to_log_in(scope: Scope, send: Send) -> None:
    if scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith(SOCKETS):
        return await _redirect(send, f"/login?next={quote(scope['path'], safe='/')}", [])
    return await _refuse(scope, send, 401, "log in first")


async def _redirect(send: Send, place: str, headers: list[tuple[bytes, bytes]]) -> None:
    start = [(b"location", within(place).encode()), (b"cache-control", b"no-store"), *headers]
    await send({"type": "http.response.start", "status": 303, "headers": start})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        return await send(
            {"type": "websocket.close", "code": 1008, "reason": why}
        )  # before accept: the server says 403
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-security-policy", policy("").encode())]
    await send({"type": "http.response.start", "status": status, "headers": plain})
    await send({"type": "http.response.body", "body": why.encode()})
    return None
