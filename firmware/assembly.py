"""Puts a sensor together from its settings: loaded at the start and let go. What it makes, `app.py` runs.

Each function takes the Node, see `app.py`, or what there is before one.
"""

from board.boot_count import BootCount
from board.lazy import call, load, release
from board.watchdog import WATCHDOG_MS, Watchdog
from net.store_and_forward import StoreAndForward
from ota.firmware_slots import FirmwareSlots
from ota.model_slots import ModelSlots
from ota.offers import BUFFER, Offers
from protocol import wire


def prepare(folder: str) -> tuple:
    """Settings, BootCount and MicroPython's module machine, None on a desktop. Raises ValueError for settings."""
    import machine

    board = machine if hasattr(machine, "reset_cause") else None
    settings = call("board.settings", "load", folder + "/config.json")
    cause = call("board.reset_cause", "name", board, settings.get("reset_register")) if board else "unknown"
    if board and "mhz" in settings:
        board.freq(settings["mhz"] * 1000000)
    return settings, BootCount(folder, cause), board


def assemble(node, folder: str) -> None:
    """Make all parts of a sensor with its files in `folder`, those that need most of the heap in one piece first."""
    recipe, buffer = node.settings.pop("recipe"), bytearray(BUFFER)
    frame = wire.WINDOW_HEADER + recipe.length
    node.overlap = recipe.hop < recipe.samples
    node.backlog = StoreAndForward(folder, frame, node.settings.get("key"))
    idle = node.boot_count.safe_mode or node.boot_count.reduced
    node.slots = ModelSlots(folder, node.settings["model_bytes"], recipe.length)
    node.slots.boot(not idle)  # what reads a model takes most of the heap, so the rest comes when it has gone
    node.transducer = samples = extractor = None
    if not idle:
        samples, node.transducer, extractor = _listening(node, recipe)
    node.station = _judging_parts(node, recipe)
    window_ms = _window_ms(node, recipe)
    del recipe
    release("protocol.recipe")
    node.trees = FirmwareSlots(folder, "key" in node.settings)
    _join(node, folder)
    feed = node.machine.WDT(timeout=WATCHDOG_MS).feed if node.machine else None
    node.watchdog = Watchdog(feed, node.client, window_ms, node.reset)
    if extractor:
        node.reporter = _reporter(node, extractor, samples)
    places = {"model": node.slots, "firmware": node.trees}
    key = node.settings.get("key")
    node.updates = Offers(places, node.client, node.topic, node.renewed, key, node.make_room, buffer)


def _listening(node, recipe) -> tuple:
    """Room for the readings of a window, the Transducer that fills it, and what makes features of them.

    Nothing of it is loaded in safe mode and in reduced mode.
    """
    from features import Extractor
    from reading import room
    from transducer import Transducer

    return room(recipe), Transducer(node.make_driver, node.say_hello), Extractor(recipe)


def _judging_parts(node, recipe):
    """What has windows begin at triggers, where the settings say so."""
    if "cycle" not in node.settings or not node.transducer:
        return None
    return load("cycle.station").Station(node.settings, recipe, node.transducer, node.machine)


def _window_ms(node, recipe) -> int:
    """How long a window takes; 0 when nobody knows: in safe mode, of parts, and of a replay at no rate of its own."""
    rate = node.settings["sensor"]["rate_hz"]
    return int(1000 * recipe.hop / rate) if rate and node.transducer and not node.station else 0


def _join(node, folder: str) -> None:
    """The link and what goes over it."""
    settings, connect = node.settings, load("net.connect")
    node.longest_shard = connect.longest_shard(settings)
    node.client = connect.client(settings, node.topic("availability"), node.take_shard)
    node.clock = connect.clock(settings, node.machine, folder, node.trees.sequence)
    release("net.connect", "net.clock_floor", "net.ntp_question", "protocol.offer_frame", "hmac")
    node.client.told = node.tell
    node.backlog.join(node.client, node.topic("late"), node.clock)


def _reporter(node, extractor, samples):
    from reading import Reporter

    made_by = node.station or node.transducer
    done = [node.boot_count.worked, node.worked]
    tried = node.watchdog.sampled
    return Reporter(node.settings, extractor, node.slots, node.client, made_by, node.backlog, tried, done, samples)


def driver(settings: dict, overlap: bool):
    """The transducer's driver; raises ValueError and OSError. overlap: whether windows share readings."""
    try:
        made = load("drivers").make(settings["sensor"], settings.get("i2c"))
    finally:
        release("drivers")
    if overlap and not getattr(made, "gapless", False):
        name = settings["sensor"]["driver"]
        raise ValueError("features.hop: windows of driver {} cannot overlap at this rate".format(name))
    return made


def works(node) -> list:
    """What goes on at the same time."""
    made = [node.client.run(), node.updates.run(), node.until_restart(), node.backlog.run(node.say_hello)]
    made += [node.clock.keep(node.client), node.keep_telling()]
    if node.machine:
        made.append(node.watchdog.beat())
    if node.machine and "wifi" in node.settings:
        from net import wifi

        made.append(wifi.on_board(node.settings["wifi"], node.settings["name"], node.reset).keep())
    if node.transducer:
        made.append(node.reporter.watch(node.say_hello))
        if node.station:
            made.append(node.station.join(node.client, node.topic, node.slots))
    elif node.machine:
        made.append(node.leave_safe_mode())
    return made
