"""Reads bencoding (BEP 3), also that of trackers that do not sort keys."""

from dataclasses import dataclass


class Malformed(ValueError):
    """Bytes are no bencoding."""


Value = int | bytes | list | dict


@dataclass
class Decoded:
    """A value, and how its keys are ordered."""

    value: Value
    order: str = "sorted keys"


def decode(data: bytes) -> Decoded:
    """Decodes a value, which must be all of the data."""
    found = Decoded(b"")
    try:
        found.value, end = value_at(data, 0, found)
    except (ValueError, IndexError, RecursionError) as error:
        raise Malformed from error
    if end != len(data):
        raise Malformed
    return found


def value_at(data: bytes, at: int, found: Decoded) -> tuple[Value, int]:
    """Returns the value at an offset, and the offset of its end."""
    kind = data[at:at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if kind in (b"l", b"d"):
        items, at = [], at + 1
        while data[at:at + 1] != b"e":
            item, at = value_at(data, at, found)
            items.append(item)
        return (items if kind == b"l" else dictionary(items, found)), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise Malformed
    return data[colon + 1:end], end


def dictionary(items: list[Value], found: Decoded) -> dict[bytes, Value]:
    """Returns a dictionary of keys and values in turn."""
    keys = items[::2]
    if len(set(keys)) < len(keys):
        found.order = "a key twice"
    elif keys != sorted(keys):
        found.order = "unsorted keys"
    return dict(zip(keys, items[1::2], strict=True))
