"""Asks the sensor's engine itself, under this Python, whether it loads a model: the firmware's own reader and planner.

Compiled kernels do nothing here, and loading needs none of them.
"""

import json
import subprocess
import sys
from pathlib import Path

from reedmesh.provisioning import device_tree

PATIENCE = 120  # seconds: a large model's weights are summed one by one
_SCRIPT = """
import builtins, json, sys, types
told, spare = types.ModuleType("micropython"), types.ModuleType("gc")
told.const, told.viper = (lambda value: value), (lambda _: lambda *_: 0)
spare.collect = spare.mem_free = spare.threshold = lambda *_: 0
vars(builtins).update(dict.fromkeys(("ptr8", "ptr16", "ptr32"), object))
sys.modules.update({"micropython": told, "gc": spare})
sys.path[:0] = sys.argv[2:]
from tflite import Model
try:
    said = {"arena": Model(bytearray(open(sys.argv[1], "rb").read())).ram, "refused": ""}
except Exception as error:
    said = {"arena": 0, "refused": str(error) or type(error).__name__}
print(json.dumps(said))
"""


def loads(model: Path) -> tuple[int, str]:
    """Bytes of the arena, and why the engine refuses the model: "" when it does not."""
    folders = [str(device_tree.FIRMWARE), str(Path(__file__).parents[1])]
    command = [sys.executable, "-c", _SCRIPT, str(model), *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        return 0, f"the engine failed: {(done.stderr.strip().splitlines() or [''])[-1]}"
    said = json.loads(done.stdout)
    return int(said["arena"]), str(said["refused"])
