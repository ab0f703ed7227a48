"""Where each tensor stands in the one buffer that a model runs in."""

_ALIGN = 4  # bytes: float32 tensors are read as words


def plan(steps: list, first, last) -> tuple:
    """Places in the arena for the tensors that operators make: [(tensor, offset)] and the size of it all.

    steps: (inputs, outputs, reusable) of each operator in order; an output may take the place of one of the reusable
    inputs if nobody reads that later. Otherwise each tensor takes the lowest gap that is free from the step that makes
    it to the last that reads it.
    """
    dies = {first: 0}
    for step, (inputs, outputs, _) in enumerate(steps):
        for tensor in inputs + outputs:
            dies[tensor] = step
    dies[last] = len(steps)
    places, size = [], 0
    live: list = []  # (start, end, tensor)
    for step, (_, outputs, reusable) in enumerate([([], [first], [])] + steps):
        for tensor in outputs:
            dead = [p for p in live if p[2] in reusable and dies[p[2]] == step - 1 and p[2].bytes == tensor.bytes]
            if dead:
                live.remove(dead[0])
            at = dead[0][0] if dead else _gap(live, tensor.bytes)
            live.append((at, at + tensor.bytes, tensor))
            live.sort(key=_start)
            places.append((tensor, at))
            size = max(size, at + tensor.bytes)
        live = [place for place in live if dies[place[2]] >= step]
    return places, size


def _start(place: tuple) -> int:
    return place[0]


def _gap(live: list, size: int) -> int:
    at = 0
    for start, end, _ in live:
        if at + size <= start:
            break
        at = max(at, (end + _ALIGN - 1) & -_ALIGN)
    return at
