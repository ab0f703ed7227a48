"""The dashboard below a path of a reverse proxy: a real nginx, with the prefix taken off and left, and a browser."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.dashboard_stage import WATCHING, Play, Stage
from tests.support.brokers import free_port
from tests.support.timeouts import PATIENCE

NGINX = "/usr/sbin/nginx"
CONFIG = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port};
    location /reedmesh/ {{ proxy_pass http://127.0.0.1:{to}{strip}; proxy_http_version 1.1;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade"; proxy_read_timeout 1h; }}
    location / {{ return 404 "another application"; }} }} }}
"""


@contextmanager
def nginx(folder: Path, to: int, strip: str) -> Iterator[str]:
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, to=to, strip=strip))
    with subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}/reedmesh"
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.parametrize("strip", ["/", ""])
def test_every_link_stays_below_the_prefix_and_the_page_is_alive(play: Play, tmp_path: Path, strip: str) -> None:
    (tmp_path / "dashboard.toml").write_text('[proxy]\nprefix = "/reedmesh"\n')

    async def scenario(stage: Stage) -> None:
        to = int(stage.url.rpartition(":")[2])
        with nginx(tmp_path, to, strip) as url:
            async with stage.browser() as page:
                refused: list[str] = []
                page.on("response", lambda it: refused.append(it.url) if it.status >= 400 else None)
                end = 100
                while end and (await page.request.get(f"{url}/", fail_on_status_code=False)).status != 200:
                    end -= 1
                await page.goto(f"{url}/")
                await stage.say("gw1/info", {"version": "1"})
                await stage.say("gw1/press3/state", WATCHING)
                await expect(page.locator(".sensors h3")).to_have_text("press3")  # by the WebSocket
                for name, path in (("Learning", "/learning"), ("Handover", "/handover"), ("Settings", "/settings")):
                    await page.get_by_role("navigation").get_by_role("link", name=name).click()
                    await expect(page).to_have_url(f"{url}{path}")
                await page.get_by_role("link", name="Português").click()
                await expect(page).to_have_url(f"{url}/settings")
                await expect(page.get_by_role("heading", name="Definições")).to_be_visible()
                await page.goto(f"{url}/nowhere")
                await page.locator("main a").click()
                await page.locator(".sensors a").click()
                await expect(page).to_have_url(f"{url}/gateway/gw1/sensor/press3")
                assert [each for each in refused if "/nowhere" not in each] == []

    play(scenario, "--config", str(tmp_path / "dashboard.toml"), running=("broker", "dashboard"))
