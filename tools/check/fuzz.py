"""Coverage-guided fuzzing (atheris, libFuzzer) of everything that reads bytes from the network or from files.

    python -m tools.check.fuzz [--runs 1100000] [--only NAME] [--seed 1]
    python -m tools.check.fuzz --only NAME --replay FILE

Each target has a process of its own, with so little address space beyond what it needs that an allocation without bound
ends it, and so many seconds for one input. Inputs that led somewhere new are kept in build/fuzz/<target>, what ended a
target as build/fuzz/<target>-crash-...: --replay shows where. Models that the sensor's engine got under CPython, where
its kernels do nothing, go through it once more under MicroPython.
"""

import argparse
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import ROOT

FOLDER = ROOT / "build" / "fuzz"
SPACE = 256 << 20  # bytes of address space beyond what the target's modules take
LONGEST = 10  # seconds for one input
CHUNK = 2000  # models in one process of MicroPython


@dataclass(frozen=True)
class Outcome:
    """Of one target: inputs, those that reached something new, MiB that inputs added at the most, how it ended."""

    inputs: int
    fresh: int
    added: int
    seconds: float
    fault: str


def main() -> int:
    """Run the targets one after the other; returns 1 if any ended by a fault."""
    arguments = _arguments()
    if arguments.target:
        return _fuzz(arguments)
    from tools.bench import report
    from tools.check import fuzz_targets

    if arguments.replay:
        fuzz_targets.TARGETS[arguments.only].take(arguments.replay.read_bytes())
        return 0
    chosen = {name: each for name, each in fuzz_targets.TARGETS.items() if arguments.only in ("", name)}
    whole = sum(each.weight for each in chosen.values())
    print(f"{'target':<24}{'inputs':>9}{'new paths':>11}{'MiB added':>11}{'seconds':>9}  crashes")
    outcomes = []
    for name, each in chosen.items():
        outcomes.append(_spawn(name, max(1, arguments.runs * each.weight // whole), arguments))
        _print(name, outcomes[-1])
    if "model on a sensor" in chosen:
        outcomes.append(_on_micropython(sorted(_corpus("model on a sensor").glob("*"))))
        _print("model, on MicroPython", outcomes[-1])
    faults = sum(bool(each.fault) for each in outcomes)
    total = sum(each.inputs for each in outcomes)
    print(f"{total} inputs, {faults} crashes; {report.machine()}")
    if not arguments.only:
        report.save("fuzz_inputs", total, "inputs")
        report.save("fuzz_crashes", faults, "targets")
    return 1 if faults else 0


def _print(name: str, it: Outcome) -> None:
    print(
        f"{name:<24}{it.inputs:>9}{it.fresh:>11}{it.added:>11}{it.seconds:>9.1f}  {it.fault or 0}",
        flush=True,
    )


def _spawn(name: str, runs: int, arguments: argparse.Namespace) -> Outcome:
    """Fuzz one target in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "tools.check.fuzz",
        "--target",
        name,
        "--runs",
        str(runs),
        "--seed",
        str(arguments.seed),
    ]
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    figures = {key: int(value) for key, value in re.findall(r"stat::(\w+): *(\d+)", said)}
    base = int((re.findall(r"\brss: (\d+)Mb", said) or ["0"])[0])  # what the target's modules and libFuzzer take
    fault = "" if done.returncode == 0 else _reason(said)
    inputs, fresh = figures.get("number_of_executed_units", 0), figures.get("new_units_added", 0)
    if "atheris" in fault:
        raise SystemExit("fuzz: no atheris here: pip install 'reedmesh[dev]' on x86-64 Linux")
    added = max(0, figures.get("peak_rss_mb", base) - base)
    return Outcome(inputs, fresh, added, time.monotonic() - began, fault)


def _reason(said: str) -> str:
    """The line that tells what ended a target."""
    lines = [line.strip() for line in said.splitlines()]
    telling = [
        line for line in lines if re.match(r"[\w.]*(Error|Exception)\b|ALARM|==\d+== ERROR|.*ModuleNotFound", line)
    ]
    return (telling or lines[-1:] or ["ended without a word"])[0][:150]


def _fuzz(arguments: argparse.Namespace) -> int:
    """In the process of one target."""
    import atheris

    with atheris.instrument_imports(include=["reedmesh", "tflite", "recurrent", "net", "board", "protocol"]):
        from tools.check import fuzz_targets

        target = fuzz_targets.TARGETS[arguments.target]
        seeds = target.seeds()
        for seed in seeds:
            fuzz_targets.run(target, seed)  # whatever is loaded late is loaded, instrumented, and not counted
    corpus = _corpus(arguments.target)
    corpus.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(seed)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, used + SPACE))
    options = [
        f"-runs={arguments.runs}",
        f"-seed={arguments.seed}",
        f"-max_len={target.longest}",
        f"-timeout={LONGEST}",
    ]
    options += [f"-artifact_prefix={corpus}-", "-print_final_stats=1", "-rss_limit_mb=0", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: fuzz_targets.run(target, data))
    atheris.Fuzz()
    return 0


def _on_micropython(models: list[Path]) -> Outcome:
    """Every model that was kept, loaded and run on the engine as it is on sensors."""
    from reedmesh.provisioning import device_tree

    environment = {"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"}
    script, began, done, fault = ROOT / "tests" / "firmware" / "scripts" / "engine/replay.py", time.monotonic(), 0, ""
    for at in range(0, len(models), CHUNK):
        paths = "\n".join(map(str, models[at : at + CHUNK]))
        words = [device_tree.micropython(), "-X", "heapsize=8m", str(script)]
        ended = subprocess.run(words, input=paths, env=environment, capture_output=True, text=True, check=False)
        done += ended.stdout.count("\n")
        if ended.returncode or "Traceback" in ended.stderr:
            fault = (ended.stderr.strip().splitlines() or [f"status {ended.returncode}"])[-1]
            break
    return Outcome(done, 0, 0, time.monotonic() - began, fault)


def _corpus(target: str) -> Path:
    return FOLDER / target.replace(" ", "-")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_100_000, help="inputs of all targets together")
    parser.add_argument("--only", default="", help="one target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, help="give this file to the target --only, and show what comes")
    parser.add_argument("--target", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
