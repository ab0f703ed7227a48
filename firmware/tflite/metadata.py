"""Finds a metadata buffer of a .tflite file, in place. Field numbers are those of TensorFlow's schema.fbs."""

from tflite.flatbuffer import Table, root


def metadata(buffer, name: str):
    """The bytes of the metadata buffer of this name, or None; raises ModelError."""
    whole = root(buffer, b"TFL3")
    entries = whole.tables(6)
    for i in range(len(entries)):
        entry = entries.at(i)
        if entry.text(0) == name.encode():
            return content(whole, entry.number(1, "<I"))
    return None


def content(whole: Table, index: int):
    """The bytes of the file's buffer `index`, in place; None when it is empty."""
    data = whole.tables(4).at(index).vector(0, "<B")
    return data.slice() if len(data) else None
