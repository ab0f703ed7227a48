"""What it would cost a sensor to check an Ed25519 signature (RFC 8032) itself, in plain Python: a trial, not firmware.

MicroPython on boards has neither Ed25519 nor SHA-512. Prints JSON: whether it tells a true signature from a bent one,
milliseconds, the multiplications of 255 bits they went into, and the bytes of heap that code and tables take.

    micropython ed25519_cost.py PUBLIC SIGNATURE TEXT    (in hex)
"""

import gc
import json
import sys
import time

gc.collect()
_before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
MASK = (1 << 64) - 1
_muls = 0


def _primes(count):
    found, at = [], 2
    while len(found) < count:
        if all(at % each for each in found):
            found.append(at)
        at += 1
    return found


def _root(value, power):
    low, high = 0, 1 << 80
    while low < high:
        middle = (low + high + 1) // 2
        if middle**power <= value:
            low = middle
        else:
            high = middle - 1
    return low


_K = [_root(each << 192, 3) & MASK for each in _primes(80)]
_H = [_root(each << 128, 2) & MASK for each in _primes(8)]


def _turn(value, by):
    return (value >> by | value << (64 - by)) & MASK


def sha512(data):
    """FIPS 180-4."""
    state = _H[:]
    padded = data + b"\x80" + bytes((111 - len(data)) % 128) + (8 * len(data)).to_bytes(16, "big")
    for begin in range(0, len(padded), 128):
        w = [int.from_bytes(padded[begin + i : begin + i + 8], "big") for i in range(0, 128, 8)]
        for i in range(16, 80):
            a, b = w[i - 15], w[i - 2]
            a, b = _turn(a, 1) ^ _turn(a, 8) ^ a >> 7, _turn(b, 19) ^ _turn(b, 61) ^ b >> 6
            w.append((w[i - 16] + a + w[i - 7] + b) & MASK)
        a, b, c, d, e, f, g, h = state
        for i in range(80):
            t = h + (_turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)) + (e & f ^ ~e & MASK & g) + _K[i] + w[i]
            u = (_turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)) + (a & b ^ a & c ^ b & c)
            h, g, f, e, d, c, b, a = g, f, e, (d + t) & MASK, c, b, a, (t + u) & MASK
        state = [(x + y) & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return b"".join(each.to_bytes(8, "big") for each in state)


def _add(one, other):
    global _muls
    _muls += 9
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b, c, d = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P, 2 * t1 * t2 % P * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(one, base, other, point):
    """one * base + other * point, both at once (Shamir's trick)."""
    both, sum_ = _add(base, point), (0, 1, 1, 0)
    for bit in range(255, -1, -1):
        sum_ = _add(sum_, sum_)
        which = (one >> bit & 1) + 2 * (other >> bit & 1)
        if which:
            sum_ = _add(sum_, (base, point, both)[which - 1])
    return sum_


def _point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT % P
    if v * x * x % P != u or y >= P:
        return None
    return (P - x if x & 1 != sign else x), y


def verify(public, signature, text):
    """RFC 8032, section 5.1.7, without the cofactor."""
    key, scalar = _point(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= L:
        return False
    against = int.from_bytes(sha512(signature[:32] + public + text), "little") % L
    x, y = P - key[0], key[1]
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    x, y, z, _ = _times(scalar, (base[0], base[1], 1, base[0] * base[1] % P), against, (x, y, 1, x * y % P))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def _unhex(text):
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


if __name__ == "__main__":
    public, signature, text = (_unhex(each) for each in sys.argv[1:])
    gc.collect()
    size = (gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0) - _before
    ticks = getattr(time, "ticks_ms", lambda: int(1e3 * time.time()))
    began = ticks()
    good = verify(public, signature, text)
    took, muls = ticks() - began, _muls
    bent = verify(public, signature, text + b"x")
    print(json.dumps({"good": good, "bent": bent, "ms": took, "products": muls, "code": size}))
