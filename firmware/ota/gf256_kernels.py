"""Arithmetic in GF(256) over whole shards, compiled: what `decoder.py` decodes with. The field is `gf256.py`'s."""

import micropython


@micropython.viper
def log_product(log: ptr8, exp: ptr8, i: int, k: int, without: int) -> int:
    """Logarithm of X_i times all (X_i + X_l), l = 0..k-1 but for `without`."""
    x = exp[254 - i]
    total = 254 - i
    j = 0
    while j < k:
        if j != without:
            total += log[x ^ exp[254 - j]]
        j += 1
    return total % 255


@micropython.viper
def products(table: ptr8, factor: int):
    """table[b] = factor * b for every byte b."""
    table[0] = 0
    width = 1
    while width < 256:
        table[width] = factor
        i = 1
        while i < width:
            table[width + i] = table[i] ^ factor
            i += 1
        factor <<= 1
        if factor > 255:
            factor ^= 0x11D
        width <<= 1


@micropython.viper
def add_products(to: ptr16, data: ptr16, table: ptr8, to_byte: int, data_byte: int, n: int):
    """to[to_byte : + n] ^= table[data[data_byte : + n]]; n is a multiple of 4, the others of 2."""
    to = ptr16(int(to) + to_byte)
    data = ptr16(int(data) + data_byte)
    while n > 0:
        to[0] ^= table[data[0] & 255] | table[data[0] >> 8] << 8
        to[1] ^= table[data[1] & 255] | table[data[1] >> 8] << 8
        to = ptr16(int(to) + 4)
        data = ptr16(int(data) + 4)
        n -= 4


@micropython.viper
def multiply(to: ptr8, table: ptr8, start: int, n: int):
    """to[start : + n] = table[to[start : + n]]."""
    to = ptr8(int(to) + start)
    i = 0
    while i < n:
        to[i] = table[to[i]]
        i += 1
