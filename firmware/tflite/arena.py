"""Where each tensor stands in the one buffer that a model runs in."""


def plan(steps: list, first, last) -> tuple:
    """Places in the arena for the tensors that operators make: [(tensor, offset)] and the size of it all.

    steps: (inputs, outputs) of each operator in order. Each tensor takes the lowest gap that is free from the step that
    makes it to the last that reads it.
    """
    dies = {first: 0}
    for step, (inputs, outputs) in enumerate(steps):
        for tensor in inputs + outputs:
            dies[tensor] = step
    dies[last] = len(steps)
    places, size = [], 0
    live: list = []
    for done, (_, outputs) in enumerate([([], [first])] + steps):
        for tensor in outputs:
            at = _gap(live, tensor.size)
            live = sorted(live + [(at, at + tensor.size, dies[tensor])])
            places.append((tensor, at))
            size = max(size, at + tensor.size)
        live = [place for place in live if place[2] >= done]
    return places, size


def _gap(live: list, size: int) -> int:
    at = 0
    for start, end, _ in live:
        if at + size <= start:
            break
        at = max(at, end)
    return at
