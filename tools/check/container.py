"""The containers, built and run for real: a root from Debian's packages, containers/Dockerfile by buildah, three parts.

The base comes from mmdebstrap, so that no registry of images is needed. The parts run as compose.yaml has them: root
for reading only, user 10001 without capabilities, one network namespace, a volume. A sensor with a key of its own comes
in by TLS and learns; page and health check answer. Needs root, and: apt install buildah mmdebstrap

    python -m tools.check.container [--keep]
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from reedmesh.broker.accounts import sensor_password
from reedmesh.inference import family
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from tools.checkout import ROOT

NAME, BASE = "localhost/reedmesh:check", "localhost/debian:bookworm-slim"
NEEDED = ("buildah", "mmdebstrap", "nsenter", "ip")
BUILDAH = ("buildah", "--storage-driver", "vfs")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # this machine's, by which pip trusts its package index
PARTS = ("gateway", "broker", "dashboard")
PATIENCE = 300.0  # seconds
USER = 10001
STATE = "var/lib/reedmesh"


def main() -> int:
    """Exit status 0 if everything held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the images, for the next run")
    parser.add_argument("--client", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.client:
        asyncio.run(client(chosen.client))
        return 0
    if os.geteuid() or (lacking := [name for name in NEEDED if not shutil.which(name)]):
        print(f"check-container: needs root and: apt install {' '.join(lacking or NEEDED)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    if BASE not in call(*BUILDAH, "images", "--format", "{{.Name}}:{{.Tag}}"):
        base()
    build()
    print(f"image built in {time.monotonic() - began:.0f} s", flush=True)
    with ExitStack() as stack:
        Machine(stack).try_out()
    if not chosen.keep:
        call(*BUILDAH, "rmi", "--force", NAME, BASE)
    print("everything holds")
    return 0


def base() -> None:
    """Make the image of Debian that the Dockerfile begins with."""
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/base.tar"
        call("mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates", "bookworm", archive)
        made = call(*BUILDAH, "from", "scratch").strip()
        call(*BUILDAH, "add", made, archive, "/")
        call(*BUILDAH, "commit", "--quiet", made, BASE)
        call(*BUILDAH, "rm", made)


def build() -> None:
    """Build the image as `docker build -f containers/Dockerfile .` would."""
    words = ["bud", "--isolation", "chroot", "--layers=false", "--build-arg", f"BASE={BASE}"]
    words += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.exists() else []
    call(*BUILDAH, *words, "--tag", NAME, "--file", str(ROOT / "containers" / "Dockerfile"), str(ROOT))


def call(*words: str) -> str:
    """The output of a program; exits with its output when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


class Machine:
    """The three parts at work, each in a view of the image's files that nobody writes."""

    def __init__(self, stack: ExitStack) -> None:
        made = call(*BUILDAH, "from", NAME).strip()
        stack.callback(call, *BUILDAH, "rm", made)
        self.root = Path(call(*BUILDAH, "mount", made).strip())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.volume, self._log = folder / "state", folder / "log"
        self.volume.mkdir(mode=0o700)
        os.chown(self.volume, USER, USER)
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity"])
        stack.callback(holder.wait)
        stack.callback(holder.terminate)
        self._net = f"--net=/proc/{holder.pid}/ns/net"
        self.processes = {}
        for part in PARTS:
            self.processes[part] = subprocess.Popen(
                self._inside("start", part), stdout=(folder / part).open("w"), stderr=subprocess.STDOUT, env=ENVIRONMENT
            )
            stack.callback(self._end, part, folder / part)

    def _inside(self, *words: str) -> list[str]:
        """A command of a container: mounts of its own, root for reading only, the volume, a user without rights."""
        mounts = f"""
            mount --make-rprivate / && mount --bind {self.root} {self.root} && mount -o remount,bind,ro {self.root} &&
            mount --bind {self.volume} {self.root}/{STATE} && mount -t tmpfs tmpfs {self.root}/tmp &&
            mount -t proc proc {self.root}/proc && mount -t tmpfs tmpfs {self.root}/dev &&
            mkdir -m 1777 {self.root}/dev/shm &&
            mknod -m 666 {self.root}/dev/null c 1 3 && mknod -m 666 {self.root}/dev/urandom c 1 9 &&
            exec chroot --userspec={USER}:{USER} {self.root} /usr/bin/setpriv --no-new-privs "$@"
        """
        return ["nsenter", self._net, "unshare", "--mount", "--ipc", "--uts", "sh", "-c", mounts, "sh", *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command in a container, to its end."""
        return subprocess.run(self._inside(*words), capture_output=True, text=True, check=False, env=ENVIRONMENT)

    def _end(self, part: str, log: Path) -> None:
        self.processes[part].terminate()
        status = self.processes[part].wait(30)
        if sys.exc_info()[0] or status not in (0, -15, 143):
            print(f"{part} ended with {status}:\n{log.read_text()[-3000:]}", file=sys.stderr)

    def try_out(self) -> None:
        """All that is claimed."""
        self._until("the gateway is healthy", lambda: not self.run("start", "healthy").returncode)
        about = self.run(
            "sh", "-c", "id -u; grep CapEff /proc/self/status; touch /x /usr/x 2>&1; touch /var/lib/reedmesh/x"
        )
        assert about.stdout.startswith(f"{USER}\nCapEff:\t0000000000000000"), about.stdout
        assert about.stdout.count("Read-only file system") == 2 and not about.returncode, about.stdout
        print(f"user {USER}, no capabilities, root for reading only, the volume for writing", flush=True)
        settings = f"/{STATE}/reedmesh.toml"
        key = self.run("reedmesh", "sensor-key", "press", settings).stdout.split()[0]
        self.run("reedmesh", "acl", "write", settings, "--out", f"/{STATE}/mosquitto")
        (self.volume / "client.json").write_text(json.dumps({"key": key, "ca": f"{self.volume}/pki/server.crt"}))
        words = [sys.executable, "-m", "tools.check.container", "--client", str(self.volume / "client.json")]
        call("nsenter", self._net, *words)
        status = json.loads(self.run("reedmesh", "status", "--json", settings).stdout)
        heard = status["sensors"]["press"]["windows"]
        assert heard >= WINDOWS // 2, status  # the first may come before the gateway listens to the sensor by name
        print(f"a sensor with a key of its own came in by TLS: {heard} windows heard, the page answers", flush=True)

    def _until(self, what: str, done: object) -> None:
        end = time.monotonic() + PATIENCE
        while not done():  # type: ignore[operator]
            dead = [part for part, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > end:
                raise AssertionError(f"not within {PATIENCE:.0f} s: {what}; ended: {dead}")
            time.sleep(1)
        print(what, flush=True)


WINDOWS = 20
ENVIRONMENT = {
    "PATH": "/opt/reedmesh/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": f"/{STATE}", "PYTHONDONTWRITEBYTECODE": "1", "NAME": "hall1", "HOST": "127.0.0.1",
}  # fmt: skip


async def client(told: Path) -> None:
    """Be a sensor in the containers' network, then a browser."""
    given = json.loads(told.read_text())
    login = "sensor.press", sensor_password(bytes.fromhex(given["key"]))
    recipe = family.load_family(family.find_family("vibration")).recipe
    link = Link("127.0.0.1", 8883, "press", login=login, ca=given["ca"])
    task = asyncio.create_task(_listen(link))
    said = {"v": 1, "room": 2048, "features": recipe.table(), "model": None, "sequence": 0}
    async with asyncio.timeout(PATIENCE):
        await _say(link, "availability", json.dumps({"state": "online"}).encode())
        await _say(link, "hello", json.dumps(said).encode())
        for number in range(1, WINDOWS + 1):
            window = wire.Window(bytes(recipe.length), boot=7, number=number)
            frame = bytearray(wire.WINDOW_HEADER + recipe.length)
            wire.pack_window(window, frame)
            await _say(link, "window", bytes(frame))
            await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.to_thread(_browse)


async def _listen(link: Link) -> None:
    async for _ in link.messages():
        pass


async def _say(link: Link, leaf: str, payload: bytes) -> None:
    """At QoS 1, as soon as the broker lets us in: it reads its lists again within two seconds."""
    while not await link.publish(Message(f"reedmesh/hall1/press/{leaf}", payload, qos=1)):
        await asyncio.sleep(0.1)


def _browse() -> None:
    with urllib.request.urlopen("http://127.0.0.1:8080/", timeout=PATIENCE) as answer:
        assert answer.status == 200 and b"reedmesh" in answer.read()


if __name__ == "__main__":
    sys.exit(main())
