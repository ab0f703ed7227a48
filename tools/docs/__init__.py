"""The documentation as a site: pages, and reference pages that are made from the code."""
