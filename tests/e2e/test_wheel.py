"""A wheel of the tree, away from the tree: it has all its data, and a gateway runs from it on a real broker."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from reedmesh import __version__
from tests.support import systemd
from tests.support.brokers import free_port, mosquitto
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip would put it into an environment; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=PATIENCE)
    (made,) = folder.glob("reedmesh-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(folder / "site"), str(made)], check=True, timeout=PATIENCE
    )
    return folder


def reedmesh(wheel: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(wheel / "site")}
    command = [sys.executable, "-m", "reedmesh", *arguments]
    return subprocess.run(
        command, cwd=wheel, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_it_has_every_file_that_is_no_python(wheel: Path) -> None:
    (made,) = wheel.glob("reedmesh-*.whl")
    names = set(zipfile.ZipFile(made).namelist())
    data = [path.relative_to(ROOT / "gateway") for path in (ROOT / "gateway/reedmesh").rglob("*") if path.is_file()]
    needed = {str(path) for path in data if "__pycache__" not in path.parts}
    for folder, here in (
        ("models", ROOT / "models"),
        ("boards", ROOT / "boards"),
        ("firmware", ROOT / "firmware"),
        ("systemd", ROOT / "gateway/systemd"),
    ):
        files = [path for path in here.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        needed |= {f"reedmesh/{folder}/{path.relative_to(here)}" for path in files}
    assert needed - names == set() and "reedmesh/systemd/reedmesh.example.toml" in names
    assert any(name.endswith(".data/data/share/man/man1/reedmesh.1") for name in names)


def test_a_package_index_would_take_it(wheel: Path) -> None:
    (made,) = wheel.glob("reedmesh-*.whl")
    command = [sys.executable, "-m", "twine", "check", "--strict", str(made)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert checked.returncode == 0 and "PASSED" in checked.stdout, checked.stdout


def test_its_commands_find_their_data(wheel: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import reedmesh; print(reedmesh.__file__)"],
        cwd=wheel, env={**os.environ, "PYTHONPATH": str(wheel / "site")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(wheel))
    assert reedmesh(wheel, "version").stdout.strip() == __version__
    settings = tmp_path / "reedmesh.toml"
    settings.write_text(f'name = "gw"\nstate = "{tmp_path}/state"\n')
    assert reedmesh(wheel, "check-config", str(settings)).stdout.strip() == f"{settings}: good"
    planned = reedmesh(wheel, "install")
    assert "write /etc/systemd/system/reedmesh.service" in planned.stdout + planned.stderr or planned.returncode == 2
    model = wheel / "site/reedmesh/models/vibration/int8.tflite"
    assert reedmesh(wheel, "check-model", str(model), "--board", "esp32").returncode == 0


def test_a_gateway_runs_from_it(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(wheel / "site"))
    monkeypatch.chdir(wheel)
    with systemd.manager(tmp_path) as manager, mosquitto(tmp_path, free_port()) as port:
        settings = tmp_path / "reedmesh.toml"
        settings.write_text(f'name = "gw"\nstate = "{tmp_path}/state"\n[broker]\nport = {port}\n')
        with systemd.process(manager, settings):
            manager.until("STATUS=judging")
