"""Models: families, feature recipes, running a .tflite, and the boards that can run it."""
