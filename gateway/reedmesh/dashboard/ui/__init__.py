"""Parts that pages are built from: elements, plots, sentences in each language."""
