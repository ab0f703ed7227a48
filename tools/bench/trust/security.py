"""The cost of security: sealing an update for neighbours, opening it, boxes, signatures, and HMAC on a sensor.

Beside each figure stands what the update costs anyway, in the same run: coding it into shards.

    python -m tools.bench.trust.security [--length 21396]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import FEDERATION
from reedmesh.exchange.federation import Sealed
from reedmesh.identity import authority, credential, ed25519, envelope
from reedmesh.identity.authority import Term
from reedmesh.identity.credential import Credential
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.protocol.shards import unpack_manifest
from reedmesh.provisioning import device_tree
from tools.bench import report
from tools.checkout import ROOT

NEIGHBOURS = (1, 4, 8, 16, 32, 64)
CONTEXT = b"reedmesh sealed\0reedmesh\0family\0hall1\0" + bytes(8)
ROUNDS = 200
HEAPS = (16, 20, 24, 28, 32, 40, 48, 64, 96, 1024)  # KiB
SENSOR = """
import hmac, json, time
def us(size):
    data, key, count = bytes(size), bytes(32), 300
    began = time.ticks_us()
    for _ in range(count):
        hmac.digest(key, data, "sha256")
    return time.ticks_diff(time.ticks_us(), began) / count
print(json.dumps({size: us(size) for size in (116, 1024, 65536)}))
"""


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=21396, help="bytes of an update; default: a vibration snapshot")
    payload = np.random.default_rng(1).bytes(parser.parse_args().length)
    print(f"{report.machine()}; an update of {len(payload)} bytes")
    coding = microseconds(lambda: coded(payload))
    show("coding_us", "coding into shards", coding, "us")
    sealing(payload, coding)
    signing(payload)
    boxing()
    certifying()
    sensor()
    signature_on_a_sensor()
    return 0


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time that `work` takes."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1e6 * float(np.median(times))


def show(name: str, what: str, value: float, unit: str, against: dict[str, float] | None = None) -> None:
    """Print and keep one figure."""
    beside = "".join(f"   ({key} {each:.0f})" for key, each in (against or {}).items())
    print(f"{what:44} {value:9.1f} {unit}{beside}")
    report.save(name, value, unit, against)


def certifying() -> None:
    """What an authority's keys cost: to sign with one, to compute one from its credential, and bytes on the wire."""
    site, term = authority.scalar(), Term("hall1", 20_000, 20_089)
    drawn = authority.scalar()
    given, answer = authority.issue(site, term, authority.point(drawn))
    key = authority.accepted(authority.point(site), term, drawn, given, answer)
    frame = credential.pack(Credential(term, given), key)
    show(
        "authority_sign_us", "signing with a key of an authority", microseconds(lambda: key.signature(b"x" * 200)), "us"
    )
    pinned = authority.point(site)
    first = microseconds(lambda: credential.unpack(frame, pinned))
    show("authority_check_us", "computing and checking such a key, once", first, "us")
    show("authority_bytes", "more in each manifest", 0.0, "bytes", {"once, retained": float(len(frame))})


def coded(payload: bytes) -> Bundle:
    """A bundle with its first wave."""
    bundle = Bundle(payload, "family", "hall1", 1, 1)
    bundle.wave(dict.fromkeys(range(bundle.shape.blocks), bundle.shape.k + 2))
    return bundle


def sealing(payload: bytes, coding: float) -> None:
    """Time and bytes against the number of neighbours; what each costs is the slope."""
    own = [ed25519.private_twin(bytes([i]) * 32) for i in range(max(NEIGHBOURS))]
    public = [key.public_key() for key in own]
    took, sizes = [], []
    for count in NEIGHBOURS:
        took.append(microseconds(lambda count=count: envelope.seal(payload, public[:count], CONTEXT)))  # type: ignore[misc]
        sizes.append(len(envelope.seal(payload, public[:count], CONTEXT)))
        print(f"  sealed for {count:2} neighbours {took[-1]:20.1f} us {sizes[-1]:8} bytes")
    show("seal_us", "seal for 4 neighbours", took[1], "us", {"coding": coding})
    slope = (took[-1] - took[2]) / (NEIGHBOURS[-1] - NEIGHBOURS[2])
    show("seal_us_per_neighbour", "each neighbour beyond 8", slope, "us")
    show("seal_bytes_per_neighbour", "each neighbour (a wrap; 8 at least)", envelope.WRAP, "B")
    show("seal_bytes", "size of the envelope for 4", sizes[1], "B", {"open": len(payload)})
    made = envelope.seal(payload, public[:8], CONTEXT)
    show("open_us", "open, 1 of 8", microseconds(lambda: envelope.unseal(made, own[:1], CONTEXT)), "us")


def signing(payload: bytes) -> None:
    """A manifest's signature."""
    key, bundle = Key(bytes(32)), coded(payload)
    ring = Keyring({"hall1": key.public})
    frame = key.sign(bundle.manifest)
    show("sign_us", "sign a manifest", microseconds(lambda: key.sign(bundle.manifest)), "us")
    show("verify_us", "read and check it", microseconds(lambda: ring.check(unpack_manifest(frame))), "us")


def boxing() -> None:
    """A shard of 1 KiB in its box, and out of it."""
    key = Key(bytes(32))
    ours = Sealed(FEDERATION, bytes(32), "hall1", ["family"], [key], Keyring({"hall2": key.public}))
    shard = bytes(1052)
    message = ours.message("hall1", "family", "shard", shard)
    show("box_us", "box a shard of 1 KiB", microseconds(lambda: ours.message("hall1", "family", "shard", shard)), "us")
    show("unbox_us", "unbox it", microseconds(lambda: ours.hear(message)), "us")
    show("box_bytes", "what the box adds", len(message.payload) - len(shard), "B")


def sensor() -> None:
    """HMAC-SHA256 of a manifest, a shard and the largest model under MicroPython on this machine, not a board."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "hmac_speed.py"
        script.write_text(SENSOR)
        path = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
        said = subprocess.run(
            [device_tree.micropython(), str(script)],
            env={"MICROPYPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
    for size, value in json.loads(said.stdout).items():
        show(f"sensor_hmac_{size}_us", f"HMAC of {size} bytes under MicroPython", value, "us")


def signature_on_a_sensor() -> None:
    """What checking a signature of firmware would cost a sensor in plain Python: time, and the smallest heap."""
    key, text = Key(bytes(range(32))), b"reedmesh firmware\0" + bytes(32)
    words = [
        str(ROOT / "tests/firmware/scripts/ed25519_cost.py"),
        key.public.hex(),
        key.signature(text).hex(),
        text.hex(),
    ]
    told, smallest = {}, 0
    for heap in sorted(HEAPS, reverse=True):
        command = [device_tree.micropython(), "-X", f"heapsize={heap}k", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            break
        smallest, told = heap, told or json.loads(done.stdout)
    assert told["good"] and not told["bent"]
    show("sensor_ed25519_ms", "check a signature under MicroPython", told["ms"], "ms", {"products": told["products"]})
    show("sensor_ed25519_heap_kib", "the smallest heap that it runs in", smallest, "KiB", {"code": told["code"] / 1024})


if __name__ == "__main__":
    sys.exit(main())
