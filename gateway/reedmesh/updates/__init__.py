"""The path of an update (`update.py`): scheduling, training, and rollouts of models and firmware to sensors."""
