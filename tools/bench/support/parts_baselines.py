"""Other methods on the same parts: scikit-learn's Ledoit-Wolf covariance, nearest neighbour and random forest."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

Floats = NDArray[np.float32]
Labels = NDArray[np.intp]
TREES = 300
MARGIN = 1.3


class Baselines:
    """On one recording: float curves [m, samples] and labels, 0 for OK, to learn from and to be tried on."""

    def __init__(self, x: Floats, y: Labels, tried: Floats, wanted: Labels) -> None:
        self._x, self._y, self._tried, self._wanted = x, y, tried, wanted

    def mahalanobis(self) -> dict[str, float]:
        """From OK parts alone, on means and largest steps of four readings each, blocks held out."""
        x, tried = coarse(self._x[self._y == 0]), coarse(self._tried)
        held = (np.arange(len(x)) // 8) % 4 == 3
        middle, unit = x[~held].mean(axis=0), x[~held].std(axis=0) + 1e-6
        shape = LedoitWolf().fit((x[~held] - middle) / unit)
        scores = shape.mahalanobis((tried - middle) / unit)
        over = scores > MARGIN * np.quantile(shape.mahalanobis((x[held] - middle) / unit), 0.99)
        nok = self._wanted > 0
        found = {"AUC": roc_auc_score(nok, scores), "escape": (~over[nok]).mean(), "overkill": over[~nok].mean()}
        return {f"Ledoit-Wolf {name}": round(float(value), 4) for name, value in found.items()}

    @cache  # noqa: B019 - lives as long as the run
    def few(self, draws: int) -> dict[str, float]:
        """AUC of a random forest from 200 OK and 20 NOK parts."""
        found = []
        for draw in range(draws):
            random = np.random.default_rng(draw)
            rows = [random.choice(np.flatnonzero((self._y > 0) == nok), n, False) for nok, n in ((0, 200), (1, 20))]
            forest = RandomForestClassifier(TREES, random_state=draw, n_jobs=2)
            forest.fit(self._x[np.concatenate(rows)], self._y[np.concatenate(rows)])
            found.append(roc_auc_score(self._wanted, forest.predict_proba(self._tried)[:, 1]))
        return {"random forest": round(float(np.mean(found)), 4), "its worst": round(float(min(found)), 4)}

    @cache  # noqa: B019 - lives as long as the run
    def accuracy(self) -> dict[str, float]:
        """Of one nearest neighbour and a random forest with all labels."""
        methods = {"1-NN": KNeighborsClassifier(1), "random forest": RandomForestClassifier(TREES, random_state=0)}
        return {
            name: round(float((method.fit(self._x, self._y).predict(self._tried) == self._wanted).mean()), 4)
            for name, method in methods.items()
        }

    @staticmethod
    def forest(curves: Floats, labels: Labels, fold: Labels) -> dict[str, float]:
        """Cross-validated random forest on mean, deviation, ends and largest step of curves [m, samples, axes]."""
        steps = np.abs(np.diff(curves, axis=1)).max(axis=1)
        x = np.hstack([curves.mean(1), curves.std(1), curves.min(1), curves.max(1), steps])
        against, said = np.zeros(len(x)), np.zeros(len(x), np.intp)
        for each in np.unique(fold):
            held = fold == each
            made = RandomForestClassifier(TREES, random_state=0).fit(x[~held], labels[~held])
            against[held] = 1 - made.predict_proba(x[held])[:, 0]
            said[held] = made.predict(x[held])
        found = {"AUC": roc_auc_score(labels > 0, against), "accuracy": (said == labels).mean()}
        return {f"random forest {name}": round(float(value), 4) for name, value in found.items()}


def coarse(x: Floats) -> Floats:
    """38 means and 37 largest steps of curves [m, 152]."""
    steps = np.abs(np.diff(x, axis=1))[:, :148]
    return np.hstack([x.reshape(len(x), 38, 4).mean(axis=2), steps.reshape(len(x), 37, 4).max(axis=2)])
