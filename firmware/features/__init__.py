"""Window -> features on the sensor, in integers: the bytes that `gateway/reedmesh/features/` makes with numpy.

To add a kind of recipe: a class in `recipe.py`, a file of its name here and one there and a line in
`__init__.py` there.
"""


class Extractor:
    """Makes features by `recipe`, of whichever kind; allocates nothing per window.

    samples, axes, hop, length: as the recipe has them, which is needed no more.
    """

    def __init__(self, recipe) -> None:
        self.samples, self.axes, self.hop, self.length = recipe.samples, recipe.axes, recipe.hop, recipe.length
        self._axis = getattr(__import__("features." + recipe.kind), recipe.kind).Features(recipe)

    def extract(self, samples, into) -> None:
        """int16 `samples` as recorded ([n][axis], an array("h")) -> int8 bytes at the start of `into`.

        Raises ValueError when either has not the recipe's size.
        """
        axes, length = self.axes, self.length
        if len(samples) != self.samples * axes or len(into) < length:
            raise ValueError("features: the window or the vector has not the recipe's size")
        for axis in range(axes):
            self._axis.features(samples, axis, into, axis * (length // axes))
