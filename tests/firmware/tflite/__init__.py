"""Tests of firmware/tflite."""
