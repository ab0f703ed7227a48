"""Parts instead of windows: a cycle begins at a trigger, and its verdict goes to a gate. `station.py` is the way in.

In `config.json`, beside "features" of kind "cycle":

    "cycle": {"trigger": {"kind": "pin", "pin": 4, "edge": "rising", "bounce_ms": 5},
              "end": {"pin": 5, "edge": "falling", "longest": 600}},
    "outputs": {"nok_pin": 12, "ok_pin": 13, "ready_pin": 14, "active": 1, "pulse_ms": 50, "delay_ms": 800,
                "unsure": "nok", "safe": "nok"}

A trigger is a "pin"; a "level" of the first axis ({"kind": "level", "level": 2000, "rising": true, "before": 10,
"holdoff_ms": 100}), which keeps `before` readings from before it; or a "message" under `<sensor>/trigger`, which may
say a part's number. "end" is optional: then a cycle lasts until that edge, `longest` readings at most, and is resampled
to the family's length. With "encoder_pin" and "delay_counts" the gate is so many counts of an encoder away instead of
"delay_ms".
"""
