"""Private sums: gateways add up what they learnt, and nobody sees what one of them told."""
