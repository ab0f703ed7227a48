"""Models: families, feature recipes, running a .tflite, and what boards can run it."""
