"""How many in a hundred a few can promise: exact bounds of a binomial share (Clopper and Pearson, 1934). Pure."""

from math import exp, lgamma, log

CONFIDENCE = 0.95
_HALVINGS = 50


def upper(hits: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The largest share that `hits` of `trials` leave possible; 1.0 without trials."""
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(hits, trials, middle) > 1 - confidence else (low, middle)
    return high


def lower(hits: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The smallest share that `hits` of `trials` leave possible; 0.0 without trials."""
    return 1.0 - upper(trials - hits, trials, confidence) if trials else 0.0


def at_most(hits: int, trials: int, share: float) -> float:
    """The chance of `hits` or fewer in `trials` of a share from 0 to 1."""
    if not 0.0 < share < 1.0:
        return float(share <= 0.0)
    odds = [log(share), log(1.0 - share)]
    whole = lgamma(trials + 1)
    return sum(
        exp(whole - lgamma(k + 1) - lgamma(trials - k + 1) + k * odds[0] + (trials - k) * odds[1])
        for k in range(hits + 1)
    )
