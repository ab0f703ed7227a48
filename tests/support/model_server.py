"""A server of OpenAI's chat completions on loopback that says what a test wants: right, wrong, hostile or nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[dict[str, Any]], bytes]  # the body of a request -> the body of the answer


class ModelServer(ThreadingHTTPServer):
    """say: makes an answer; status, headers: sent with it. asked: the bodies of all requests."""

    daemon_threads = True

    def __init__(self, say: Say, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.say, self.status, self.headers = say, status, headers
        self.asked: list[dict[str, Any]] = []
        self.came = threading.Event()  # a request is there
        self.go = threading.Event()  # for a `say` that waits

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a model's process that is killed leaves a broken pipe."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body | {"path": self.path})
        self.server.came.set()
        answer = self.server.say(body)
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing: pytest shows what matters."""


def completion(text: str) -> bytes:
    """An answer as the API has it."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def route(tool: str, sensor: str = "", period: str = "") -> bytes:
    """An answer that chooses a tool."""
    return completion(json.dumps({"tool": tool, "sensor": sensor, "period": period}))


@contextmanager
def model_server(say: Say, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Iterator[ModelServer]:
    """A server that runs while the context lasts."""
    server = ModelServer(say, status, headers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        thread.join()
        server.server_close()
