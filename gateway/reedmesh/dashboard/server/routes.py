"""The address of each page, and the parts that all pages share: access checks, login, style."""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

from nicegui import ui
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from reedmesh.dashboard.model.feed import Feed
from reedmesh.dashboard.model.sessions import User
from reedmesh.dashboard.pages.add import AddPage
from reedmesh.dashboard.pages.alert import AlertPage
from reedmesh.dashboard.pages.archive import ArchivePage
from reedmesh.dashboard.pages.downloads import Downloads
from reedmesh.dashboard.pages.handover import HandoverFiles, HandoverPage
from reedmesh.dashboard.pages.learning import LearningPage
from reedmesh.dashboard.pages.missing import MissingPage
from reedmesh.dashboard.pages.overview import Overview
from reedmesh.dashboard.pages.part_files import PartFiles
from reedmesh.dashboard.pages.parts import PartsPage
from reedmesh.dashboard.pages.pool import PoolPage
from reedmesh.dashboard.pages.provenance import ProvenancePage
from reedmesh.dashboard.pages.sensor import SensorPage
from reedmesh.dashboard.pages.settings import SettingsPage
from reedmesh.dashboard.server.admission import Admission
from reedmesh.dashboard.server.login import Login
from reedmesh.dashboard.server.middleware import USER, Guard
from reedmesh.dashboard.ui.language import CODES, HTML, Language, preferred
from reedmesh.dashboard.ui.shell import Visit
from reedmesh.dashboard.ui.urls import stand_below, within

STYLE = Path(__file__).parents[1] / "ui" / "style.css"
THEMES = {"light": False, "dark": True}


def add_routes(app: Any, feed: Feed, admission: Admission) -> None:
    """Make `app` serve the pages."""
    stand_below(admission.settings.prefix)
    login, downloads, files = Login(admission), Downloads(feed), HandoverFiles(feed)
    app.add_middleware(Guard, admission=admission)
    app.add_route("/login", login.show, methods=["GET"])
    app.add_route("/login", login.enter, methods=["POST"])
    app.add_route("/logout", login.leave, methods=["POST"])
    app.add_route("/style.css", _style, methods=["GET"])
    app.add_route("/alerts.csv", downloads.alerts, methods=["GET"])
    app.add_route("/gateway/{gateway}/sensor/{sensor}/windows.csv", downloads.windows, methods=["GET"])
    app.add_route("/handover.csv", files.csv, methods=["GET"])
    app.add_route("/handover.html", files.report, methods=["GET"])
    ui.add_head_html(f'<link rel="stylesheet" href="{within("/style.css")}">', shared=True)

    _add_parts(app, feed, admission)
    _add_accounts(feed, admission)

    @ui.page("/")
    def overview(request: Request) -> None:
        Overview(_visit(request, feed, admission))

    @ui.page("/learning")
    def learning_page(request: Request) -> None:
        LearningPage(_visit(request, feed, admission))

    @ui.page("/handover")
    def handover_page(request: Request) -> None:
        HandoverPage(_visit(request, feed, admission))

    @ui.page("/add")
    def add_page(request: Request) -> None:
        AddPage(_visit(request, feed, admission))

    @ui.page("/settings")
    def settings_page(request: Request) -> None:
        SettingsPage(_visit(request, feed, admission), admission.settings)

    @ui.page("/gateway/{gateway}/sensor/{sensor}")
    def sensor_page(request: Request, gateway: str, sensor: str) -> None:
        SensorPage(_visit(request, feed, admission), gateway, sensor)

    @ui.page("/gateway/{gateway}/alert/{alert:path}")
    def alert_page(request: Request, gateway: str, alert: str) -> None:
        AlertPage(_visit(request, feed, admission), gateway, alert)

    @ui.page("/{path:path}")
    def missing_page(request: Request, path: str) -> None:  # noqa: ARG001 - whatever it is
        MissingPage(_visit(request, feed, admission))


def _add_parts(app: Any, feed: Feed, admission: Admission) -> None:
    """The page of parts, and the parts of a station as a file."""
    app.add_route("/gateway/{gateway}/sensor/{sensor}/parts.csv", PartFiles(feed).csv, methods=["GET"])

    @ui.page("/parts")
    def parts_page(request: Request) -> None:
        PartsPage(_visit(request, feed, admission))


def _add_accounts(feed: Feed, admission: Admission) -> None:
    """The pages about what gateways do for each other."""

    @ui.page("/provenance")
    def provenance_page(request: Request) -> None:
        ProvenancePage(_visit(request, feed, admission))

    @ui.page("/pool")
    def pool_page(request: Request) -> None:
        PoolPage(_visit(request, feed, admission))

    @ui.page("/archive")
    def archive_page(request: Request) -> None:
        ArchivePage(_visit(request, feed, admission))


def _style(_: Request) -> Response:
    return FileResponse(STYLE, headers={"cache-control": "no-cache"})


def _visit(request: Request, feed: Feed, admission: Admission) -> Visit:
    """Who looks at what, in which language and theme; the page is told of the latter two."""
    code = request.cookies.get("lang", "")
    code = code if code in CODES else preferred(request.headers.get("accept-language", ""))
    theme = request.cookies.get("theme", "auto")
    client = ui.context.client
    client.page = copy(client.page)  # all readers share one, and each has a language of their own
    client.page.language, client.page.dark = HTML[code], THEMES.get(theme)  # type: ignore[assignment]
    return Visit(
        feed=feed,
        title=admission.settings.title,
        say=Language(code),
        path=request.url.path,
        who=_whoever(request, admission),
        login=admission.settings.asks_for_login,
        theme=theme,
    )


def _whoever(request: Request, admission: Admission) -> Callable[[], User | None]:
    """Who it is while the page stays open: sessions end."""
    address, headers = request.client.host if request.client else "", dict(request.headers)
    cookies, first = dict(request.cookies), request.scope.get(USER)

    def who() -> User | None:
        now = admission.user(address, headers, cookies)
        return now if now == first else None  # somebody else by now, or nobody: the page is not theirs

    return who
