"""Decodes a block of shards on arrival, any k of them, inside the very buffer that becomes the model.

The block has k places of L bytes. A data shard goes to its own. A parity shard is parked in a place whose data has not
come, and all data that is there is subtracted from it (exclusive or), as later data will be. After the k-th shard each
parked parity is turned into the data of its place, one after the other (Gauss-Jordan). No matrix is kept: at every step
the coefficients are those of one closed form, derived in `gateway/reedmesh/coding/matrices.py`,

    c_i = sum_{j in K} w_ij c_j,    log w_ij = row_i - column_j - log(X_i + X_j),    X_i = 2**(254 - i)
    row_i = log(X_i D(X_i)),    column_j = log(X_j D'(X_j)),    D(x) = prod_{l in K} (x + X_l)

where K, the k shards all others are expressed by, starts as the data and loses one of it for a parity at each step.
Such a matrix has no zero on its way, so there is nothing to choose and nothing to reorder.
"""

from micropython import const
from ota.gf256_kernels import add_products, log_product, multiply, products
from protocol.gf256 import EXP, LOG

EMPTY = const(255)  # no shard has this index
TABLE = const(256)  # bytes of products
_ORDER = const(255)


class Decoder:
    """Collects one block of `k` shards in `block`, whose first k * `length` bytes it fills in the order of arrival.

    k: 1..254. length: of a shard, a multiple of 4. block: writable, beginning at an even address. Raises ValueError for
    anything else. Beside the block it takes 3 k bytes, and TABLE bytes unless they are given as `table`.
    """

    def __init__(self, block, k: int, length: int, table=None) -> None:
        if not 0 < k < EMPTY or length < 4 or length % 4 or len(block) < k * length:
            raise ValueError("block: {} shards of {} bytes in {}".format(k, length, len(block)))
        self.k = k
        self.length = length
        self._block = block
        self._products = bytearray(TABLE) if table is None else table
        self._held = bytearray(k)  # index of the shard in each place
        self._rows = bytearray(k)  # row_i of the parity parked in a place
        self._columns = bytearray(k)  # column_j of the data of a place
        self.begin()

    def begin(self) -> None:
        """Collect the next block of this shape, in the same place."""
        self.missing = self.k  # how many shards are still needed, whichever
        for j in range(self.k):
            self._held[j] = EMPTY
            self._columns[j] = log_product(LOG, EXP, j, self.k, j)

    def add(self, index: int, shard) -> bool:
        """Take a copy of shard `index`; False when it is here or not needed.

        Nothing is checked but numbers and sizes, ValueError: a wrong shard spoils the block.
        """
        if not 0 <= index < EMPTY or len(shard) != self.length:
            raise ValueError("shard {} of {} bytes, not {}".format(index, len(shard), self.length))
        if not self.missing or self.has(index):
            return False
        if index < self.k:
            self._add_data(index, shard)
        else:
            self._park(index, shard)
        self.missing -= 1
        if not self.missing:
            self._solve()
        return True

    def has(self, index: int) -> bool:
        """Whether shard `index` is here; once all data is there, data is."""
        if index < self.k:
            return self._held[index] == index
        return self._held.find(bytes([index])) >= 0

    def _add_data(self, j: int, shard) -> None:
        if self._held[j] != EMPTY:
            self._move(j, self._free())
        self._put(j, j, shard)
        for place in range(self.k):
            if self._held[place] >= self.k and self._held[place] != EMPTY:
                self._subtract(place, j)

    def _park(self, index: int, shard) -> None:
        place = self._free()
        self._put(place, index, shard)
        self._rows[place] = log_product(LOG, EXP, index, self.k, EMPTY)
        for j in range(self.k):
            if self._held[j] == j:
                self._subtract(place, j)

    def _solve(self) -> None:
        """Turn the parity of each place into its data, taking it from the parities that are left and were before."""
        lost = [place for place in range(self.k) if self._held[place] != place]
        for place in lost:
            self._scale(place, _ORDER - self._weight(place, place))
            for other in lost:
                if other != place:
                    self._subtract(other, place)
            self._exchange(place, lost)

    def _exchange(self, place: int, lost: list) -> None:
        """Let the parity of `place` replace its data in K, as D(x) then has one factor for another."""
        parity = self._held[place]
        self._rows[place] = (self._columns[place] + log_sum(place, parity)) % _ORDER
        self._held[place] = place
        for other in lost:
            if other != place:
                here = self._held[other]
                self._rows[other] = (self._rows[other] + log_sum(here, parity) - log_sum(here, place)) % _ORDER
                self._columns[other] = (self._columns[other] + log_sum(other, parity) - log_sum(other, place)) % _ORDER

    def _weight(self, place: int, j: int) -> int:
        """Logarithm of w_ij, i being the shard in `place`."""
        return (self._rows[place] - self._columns[j] - log_sum(self._held[place], j)) % _ORDER

    def _subtract(self, place: int, j: int) -> None:
        products(self._products, EXP[self._weight(place, j)])
        add_products(self._block, self._block, self._products, place * self.length, j * self.length, self.length)

    def _scale(self, place: int, logarithm: int) -> None:
        products(self._products, EXP[logarithm])
        multiply(self._block, self._products, place * self.length, self.length)

    def _free(self) -> int:
        return self._held.find(bytes([EMPTY]))

    def _put(self, place: int, index: int, shard) -> None:
        self._held[place] = index
        self._block[place * self.length : (place + 1) * self.length] = shard

    def _move(self, place: int, to: int) -> None:
        start = place * self.length
        self._put(to, self._held[place], memoryview(self._block)[start : start + self.length])
        self._rows[to] = self._rows[place]


def log_sum(i: int, j: int) -> int:
    """log(X_i + X_j), of two different indices."""
    return LOG[EXP[254 - i] ^ EXP[254 - j]]
