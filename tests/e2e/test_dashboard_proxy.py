"""The dashboard behind real proxies, and with clients who say that they are behind one."""

import http.client
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reedmesh.dashboard.model.passwords import hashed
from tests.support.brokers import end, free_port
from tests.support.micropython import missing
from tests.support.timeouts import PATIENCE

PATHS = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{page};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Remote-User {user};
    }}
  }}
}}
"""
CADDY = """
{{
  admin off
  auto_https off
  storage file_system {folder}/storage
}}
http://127.0.0.1:{port} {{
  reverse_proxy 127.0.0.1:{page} {{
    header_up X-Remote-User "{user}"
    header_up X-Forwarded-Proto https
  }}
}}
"""


@contextmanager
def serving(words: list[str], port: int) -> Iterator[None]:
    """A program that listens on `port` while the block runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI"))}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            limit = time.monotonic() + PATIENCE
            while not _answers(port):
                assert process.poll() is None and time.monotonic() < limit, process.stderr and process.stderr.read()
                time.sleep(0.05)
            yield
        finally:
            end(process)


def _answers(port: int) -> bool:
    try:
        return ask(port, "/login")[0] == 200
    except OSError:
        return False


@contextmanager
def page(folder: Path, more: str) -> Iterator[int]:
    """The real dashboard on the loopback, with an account."""
    port, file = free_port(), folder / "dashboard.toml"
    account = f'[[accounts]]\nname = "ana"\nrole = "operator"\npassword = "{hashed("correct horse")}"\n'
    file.write_text(f'host = "127.0.0.1"\nport = {port}\n{more}{account}[[brokers]]\nhost = "127.0.0.1"\nport = 1\n')
    file.chmod(0o600)
    with serving([sys.executable, "-m", "reedmesh", "dashboard", "--config", str(file)], port):
        yield port


@contextmanager
def proxied(folder: Path, kind: str, to: int, user: str) -> Iterator[int]:
    """nginx or Caddy before it, which says who the reader is."""
    program = shutil.which(kind, path=PATHS)
    if not program:
        missing(f"no {kind} found: apt install {kind}")
    port, file = free_port(), folder / kind
    text = (NGINX if kind == "nginx" else CADDY).format(folder=folder, port=port, page=to, user=user)
    file.write_text(text)
    words = [str(program), "-c", str(file)] if kind == "nginx" else [
        str(program), "run", "--config", str(file), "--adapter", "caddyfile"
    ]  # fmt: skip
    with serving(words, port):
        yield port


def ask(port: int, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{port}"}
    link.request("GET" if body is None else "POST", path, body, named | (form if body else {}))
    answer = link.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    link.close()
    return found


def log_in(port: int, password: str, **headers: str) -> int:
    form = urllib.parse.urlencode({"name": "ana", "password": password, "next": "/"})
    return ask(port, "/login", form, **headers)[0]


def test_nobody_becomes_another_client_or_a_proxy_by_saying_so(tmp_path: Path) -> None:
    trusted = '[proxy]\naddresses = ["10.9.9.9"]\nheader = "X-Remote-User"\noperators = ["boss"]\n'
    with page(tmp_path, trusted) as port:
        for forwarded in ({}, {"X_Forwarded_For": "10.9.9.9"}, {"Forwarded": "for=10.9.9.9"}):
            status, headers, _ = ask(port, "/", X_Remote_User="boss", **forwarded)
            assert (status, headers["location"]) == (303, "/login?next=/")
        assert "strict-transport-security" not in ask(port, "/login", X_Forwarded_Proto="https")[1]
        codes = [log_in(port, f"wrong {i}", X_Forwarded_For=f"203.0.113.{i}") for i in range(8)]
        assert codes[-1] == 429 and log_in(port, "correct horse", X_Forwarded_For="203.0.113.99") == 429


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_proxy_on_the_same_machine_is_believed_as_the_documents_say(tmp_path: Path, kind: str) -> None:
    trusted = '[proxy]\naddresses = ["127.0.0.1"]\nheader = "X-Remote-User"\noperators = ["boss"]\n'
    with page(tmp_path, trusted) as port, proxied(tmp_path, kind, port, "boss") as front:
        for forged in ({}, {"X_Forwarded_For": "192.168.1.50"}, {"X_Remote_User": "mallory"}):
            status, headers, _ = ask(front, "/", **forged)
            assert status == 200
            assert "strict-transport-security" in headers
        assert ask(port, "/", X_Forwarded_For="192.168.1.50")[0] == 303  # beside the proxy, and without a name


def test_behind_a_proxy_each_client_has_its_own_tries(tmp_path: Path) -> None:
    with page(tmp_path, '[proxy]\naddresses = ["127.0.0.1"]\n') as port:
        codes = [log_in(port, f"wrong {i}", X_Forwarded_For="203.0.113.1, 203.0.113.7") for i in range(6)]
        assert codes[-1] == 429
        others = "203.0.113.7, 203.0.113.8"  # the last is the proxy's word, what is before it the client's
        assert log_in(port, "correct horse", X_Forwarded_For=others) != 429
        assert log_in(port, "correct horse", X_Forwarded_For="203.0.113.8, 203.0.113.7") == 429
