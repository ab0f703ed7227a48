"""Who may see the dashboard, and act: passwords, sessions, tries, hosts, origins, and what every answer carries."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reedmesh.__main__ import main
from reedmesh.dashboard import settings as configs
from reedmesh.dashboard.model.passwords import fits, hashed, is_hash
from reedmesh.dashboard.model.sessions import (
    MOST_SESSIONS,
    MOST_TRIES,
    OPERATOR,
    TRY_SECONDS,
    VIEWER,
    Sessions,
    Tries,
    User,
)
from reedmesh.dashboard.server.admission import HERE, NOBODY, Admission
from reedmesh.dashboard.server.middleware import USER, Guard, policy
from reedmesh.dashboard.server.serve import warnings
from reedmesh.dashboard.settings import Account, Broker, Proxy, Settings
from reedmesh.errors import ConfigError

ANA = User("Ana", OPERATOR)
KNOWN = hashed("correct horse")
ACCOUNTS = (Account("Ana", KNOWN, OPERATOR),)
Messages = list[MutableMapping[str, Any]]


def asked(
    admission: Admission, kind: str = "http", body: bytes = b"<script>a</script>", **headers: str
) -> tuple[Any, Messages]:
    """The scope that an application inside got (None: none), and what was answered to GET /page, or a WebSocket."""
    got: list[Any] = []
    sent: Messages = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(scope)
        html = [(b"content-type", b"text/html; charset=utf-8"), (b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": html})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": body[5:]})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    path, _, query = headers.pop("path", "/page").partition("?")
    scope = {"type": kind, "method": headers.pop("method", "GET"), "path": path, "query_string": query.encode()}
    scope |= {"client": (headers.pop("client", "127.0.0.1"), 5), "scheme": "http"}
    named = {"host": "127.0.0.1:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
    asyncio.run(Guard(app, admission)(scope, None, send))  # type: ignore[arg-type]
    return (got[0] if got else None), sent


def admission(**settings: Any) -> Admission:
    return Admission(Settings(**settings), lambda: 100.0)


def test_a_password_fits_its_own_hash_only() -> None:
    assert is_hash(KNOWN) and fits("correct horse", KNOWN) and not fits("correct horse ", KNOWN)
    assert hashed("correct horse") != KNOWN
    for wrong in ("correct horse", "scrypt$31$8$1$", KNOWN.replace("scrypt$15$8", "scrypt$19$64"), KNOWN[:-9]):
        assert not is_hash(wrong)


def test_sessions_end_and_are_bounded() -> None:
    sessions = Sessions(longest=100, idle=10)
    token = sessions.open(ANA, 0)
    assert sessions.user(token, 9) == ANA and sessions.user("x", 9) is None
    assert sessions.user(token, 19) == ANA, "used at 9"
    assert sessions.user(token, 30) is None and sessions.user(token, 19) is None
    token = sessions.open(ANA, 0)
    assert all(sessions.user(token, at) == ANA for at in range(0, 100, 9))
    assert sessions.user(token, 101) is None
    token = sessions.open(ANA, 0)
    sessions.close(token)
    assert sessions.user(token, 0) is None
    tokens = [sessions.open(ANA, 0) for _ in range(MOST_SESSIONS + 1)]
    assert sessions.user(tokens[0], 0) is None and sessions.user(tokens[1], 0) == ANA


def test_guessing_is_slow() -> None:
    tries = Tries()
    for at in range(MOST_TRIES):
        assert tries.wait("10.0.0.9", at) == 0
        tries.failed("10.0.0.9", at)
    assert tries.wait("10.0.0.9", 10) == TRY_SECONDS - 10 and tries.wait("10.0.0.8", 10) == 0
    assert tries.wait("10.0.0.9", TRY_SECONDS + 1) == 0
    tries.right("10.0.0.9")
    assert tries.wait("10.0.0.9", 10) == 0


def test_without_accounts_only_this_computer_acts() -> None:
    assert asked(admission())[0][USER] == HERE
    assert asked(admission(host="0.0.0.0"))[0][USER] == NOBODY and not NOBODY.acts


def test_with_accounts_nobody_looks_without_one() -> None:
    it = admission(accounts=ACCOUNTS)
    scope, sent = asked(it)
    assert scope is None and sent[0]["status"] == 303
    assert dict(sent[0]["headers"])[b"location"] == b"/login?next=/page"
    token = it.sessions.open(ANA, 100.0)
    assert asked(it, cookie=f"a=b; reedmesh-session={token}")[0][USER] == ANA
    assert asked(it, cookie="reedmesh-session=forged")[0] is None
    assert asked(it, path="/login")[0] is not None
    for path in ("/_nicegui_ws/socket.io/", "/loginx", "/gateway/gw/sensor/s/windows.csv"):
        assert asked(it, path=path)[0] is None
    scope, sent = asked(it, "websocket", origin="http://127.0.0.1:8080", path="/_nicegui_ws/socket.io/")
    assert scope is None and sent[0]["type"] == "websocket.close"
    assert asked(admission(accounts=ACCOUNTS, anyone_may_look=True))[0][USER] == NOBODY


def test_a_proxy_is_believed_where_it_is() -> None:
    it = admission(proxy=Proxy(("10.0.0.1",), operators=("Ana",)))
    assert asked(it, client="10.0.0.1", x_remote_user="Ana")[0][USER] == ANA
    assert asked(it, client="10.0.0.1", x_remote_user="Rui")[0][USER] == User("Rui", VIEWER)
    assert asked(it, client="10.0.0.2", x_remote_user="Ana")[0] is None
    assert asked(it, client="10.0.0.1")[0] is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:8081", "https://127.0.0.1:8080x", "null", ""]
)
def test_pages_of_other_sites_reach_nothing(origin: str) -> None:
    scope, sent = asked(admission(), "websocket", origin=origin)
    assert scope is None and sent[0]["type"] == "websocket.close"
    assert asked(admission(), method="POST", origin=origin)[0] is None
    if origin:
        assert asked(admission(), origin=origin)[0] is None


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "https://127.0.0.1:8080"])
def test_our_own_pages_do(origin: str) -> None:
    assert asked(admission(), "websocket", origin=origin)[0] is not None
    assert asked(admission(), method="POST", origin=origin)[0] is not None
    assert asked(admission(names=("line.example",)), "websocket", host="line.example", origin="https://line.example")[0]


@pytest.mark.parametrize("host", ["evil.example:8080", "127.0.0.1.evil.example", "", "[::1", "x@127.0.0.1@y"])
def test_a_name_that_somebody_pointed_here_is_refused(host: str) -> None:
    scope, sent = asked(admission(), host=host, origin=f"http://{host}")
    assert scope is None and sent[0]["status"] == 403


def test_every_answer_binds_the_browser() -> None:
    _, sent = asked(admission(), body=b"<script>a</script><style>b</style>")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    rules = headers["content-security-policy"]
    nonce = rules.split("'nonce-")[1].split("'")[0]
    assert rules == policy(nonce) and "unsafe" not in rules and "default-src 'none'" in rules
    assert f'<script nonce="{nonce}">a</script><style nonce="{nonce}">b</style>'.encode() == sent[1]["body"]
    assert headers["content-length"] == str(len(sent[1]["body"])) and headers["x-content-type-options"] == "nosniff"
    assert not [name for name in headers if name.startswith("access-control")]
    assert nonce not in str(asked(admission())[1]), "each page has one of its own"


def test_a_choice_is_remembered_and_nothing_else_is_taken_for_one() -> None:
    _, sent = asked(admission(), path="/a b?lang=pt&x=1")
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303 and headers[b"location"] == b"/a%20b?x=1"
    assert headers[b"set-cookie"].startswith(b"lang=pt; Path=/; HttpOnly; SameSite=Strict")
    assert asked(admission(), path="/?lang=xx&theme=<b>")[0] is not None
    scope, _ = asked(admission(), path="//evil.example/?theme=dark")
    assert scope is None
    _, sent = asked(admission(), path="//evil.example/?theme=dark")
    assert dict(sent[0]["headers"])[b"location"] == b"/evil.example/"


def test_a_file_of_settings_is_read_whole_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text(
        f'[[brokers]]\nhost = "gw1.local"\nca = "ca.crt"\n[[accounts]]\nname = "Ana"\npassword = "{KNOWN}"\n'
    )
    assert configs.load(file).accounts[0].role == VIEWER
    file.write_text('[[brokers]]\nhost = "gw1.local"\n[[accounts]]\nname = "Ana"\npassword = "secret"\nrole = "root"\n')
    with pytest.raises(ConfigError) as found:
        configs.load(file)
    assert [line.split(": ")[1][:18] for line in str(found.value).splitlines()] == [
        "brokers[0].host = ",
        "accounts[0].role =",
        "accounts[0].passwo",
    ]
    assert main(["dashboard"]) == 2 and "name the broker" in capsys.readouterr().err


def test_what_others_can_read_is_warned_of() -> None:
    remote, local = Broker("gw1.local", plain=True), Broker("127.0.0.1")
    assert warnings(Settings(brokers=(local,), accounts=ACCOUNTS)) == []
    assert warnings(Settings(brokers=(replace(remote, ca="ca.crt"),), host="0.0.0.0")) == []
    said = warnings(Settings(brokers=(remote,), host="0.0.0.0", accounts=ACCOUNTS))
    assert ["readers" in said[0], "gw1.local" in said[1]] == [True, True]


def test_a_login_is_made_from_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import io
    import tomllib

    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["dashboard-user", 'A"na', "--role", "viewer"]) == 0
    [made] = tomllib.loads(capsys.readouterr().out)["accounts"]
    assert made["name"] == 'A"na' and made["role"] == VIEWER and fits("correct horse", made["password"])
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["dashboard-user", "Ana"]) == 2
