"""WAV files: PCM of 8, 16, 24 or 32 bits, each channel an axis."""

import wave
from pathlib import Path

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.recordings.signal import MOST_READINGS, Signal, make_signal


def read_wav(path: Path) -> Signal:
    """The readings of a WAV file; raises ConfigError for one that is not PCM, or is cut short."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, frames = file.getnchannels(), file.getsampwidth(), file.getnframes()
            if frames * channels > MOST_READINGS:
                raise ConfigError(f"{path}: {frames} readings are too many at once; cut the file")
            rate, content = file.getframerate(), file.readframes(frames)
    except (wave.Error, EOFError) as error:
        remedy = "save it as 16-bit PCM, for example: ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        raise ConfigError(
            f"{path}: is a WAV file that cannot be read ({error or 'it ends too soon'}); {remedy}"
        ) from error
    whole = content[: len(content) // (channels * width) * channels * width]
    values = _counts(whole, width).reshape(-1, channels).astype(np.float64)
    columns = ("sound",) if channels == 1 else tuple(f"channel{i + 1}" for i in range(channels))
    return make_signal(str(path), values, rate_hz=float(rate), columns=columns, said=("rate from the file",))


def _counts(content: bytes, width: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    """Samples of `width` bytes each, as integers."""
    if width == 1:
        return np.frombuffer(content, np.uint8).astype(np.int32) - 128
    if width == 2:
        return np.frombuffer(content, "<i2").astype(np.int32)
    if width == 4:
        return np.frombuffer(content, "<i4").astype(np.int32)
    parts = np.frombuffer(content, np.uint8).reshape(-1, 3).astype(np.int32)
    return ((parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8).astype(np.int32)
