"""Operators of the engine that keep something from one input of a model to the next: SVDF and LSTM, in int8."""
