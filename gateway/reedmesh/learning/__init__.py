"""Training, merging, quantising and judging models. Pure: arrays in, arrays out."""
