"""What several benchmarks share: lines, gateways, lossy links, comparisons with other methods, judged answers."""
