"""Raw frames of fixed-size DDS messages in plain CDR, read and written through numpy views.

A frame is what a raw DDS subscription delivers and `publisher.publish(bytes)` takes: 4 bytes of
encapsulation header, then the little-endian body. Unitree's checksum covers the packed C struct
of the firmware, not the CDR bytes, so a layout knows both offsets of every byte.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ts_locomotion.errors import InvalidFrame

_ENCAPSULATION = bytes((0, 1, 0, 0))  # plain CDR, little endian
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Field(NamedTuple):
    """A primitive member: numpy format and length of the fixed array."""

    name: str
    format: str = "u1"
    length: int = 1


class Group(NamedTuple):
    """Consecutive members, with repeats; a nested message, or part of the outer one."""

    prefix: str
    fields: tuple[Field, ...]
    repeats: int = 1


class _Place(NamedTuple):
    format: np.dtype
    starts: NDArray[np.intp]  # (repeats, length) byte offsets in the frame


class FrameLayout:
    """Where every member of a message lies in its frame, and how the frame is summed."""

    def __init__(self, groups: tuple[Group, ...]) -> None:
        self._places: dict[str, _Place] = {}
        cdr, struct = len(_ENCAPSULATION), 0
        source: dict[int, int] = {}
        for group in groups:
            for _ in range(group.repeats):
                struct += -struct % 4
                for field in group.fields:
                    width = np.dtype(field.format).itemsize
                    cdr, struct = cdr + -cdr % width, struct + -struct % width
                    self._add(group.prefix + field.name, field, cdr)
                    size = width * field.length
                    source.update((struct + byte, cdr + byte) for byte in range(size))
                    cdr, struct = cdr + size, struct + size
        self.size = cdr
        self._crc_source = _crc_source(source, struct - 4)

    def _add(self, name: str, field: Field, offset: int) -> None:
        dtype = np.dtype(field.format)
        starts = offset + dtype.itemsize * np.arange(field.length, dtype=np.intp)[None]
        known = self._places.get(name)
        if known is not None:
            starts = np.concatenate([known.starts, starts])
        self._places[name] = _Place(dtype, starts)

    def view(self, frame: NDArray[np.uint8], name: str) -> NDArray:
        """Member of every repeat, shape (repeats, length); a view, but for one-byte members."""
        dtype, starts = self._places[name]
        if dtype.itemsize == 1:
            return frame.view(dtype)[starts]
        step = int(starts[1, 0] - starts[0, 0]) if len(starts) > 1 else 0
        return np.ndarray(starts.shape, dtype, frame, int(starts[0, 0]), (step, dtype.itemsize))

    def write(self, frame: NDArray[np.uint8], name: str, value: ArrayLike) -> None:
        """Set a member; an array of shape (n, length) sets the first n repeats."""
        dtype, starts = self._places[name]
        value = np.asarray(value)
        repeats = value.shape[0] if value.ndim == 2 else len(starts)
        if dtype.itemsize == 1:
            frame.view(dtype)[starts[:repeats]] = value
        else:
            self.view(frame, name)[:repeats] = value

    def blank(self) -> NDArray[np.uint8]:
        """A writable frame of zeros behind the encapsulation header."""
        return np.frombuffer(bytearray(_ENCAPSULATION.ljust(self.size, b"\0")), np.uint8)

    def seal(self, frame: NDArray[np.uint8]) -> bytes:
        """The bytes of a frame, with its checksum written."""
        self.view(frame, "crc")[:] = self.checksum(frame)
        return frame.tobytes()

    def open(self, data: bytes) -> NDArray[np.uint8]:
        """The read-only bytes of a frame whose size, encapsulation and checksum hold.

        Raises InvalidFrame.
        """
        if len(data) != self.size:
            raise InvalidFrame(f"frame has {len(data)} bytes, expected {self.size}")
        if data[:2] != _ENCAPSULATION[:2]:
            raise InvalidFrame(f"encapsulation is {data[:2].hex()}, expected 0001 (plain CDR, LE)")
        frame = np.frombuffer(data, np.uint8)
        given, expected = int(self.view(frame, "crc")[0, 0]), self.checksum(frame)
        if given != expected:
            raise InvalidFrame(f"checksum is {given:#010x}, expected {expected:#010x}")
        return frame

    def checksum(self, frame: NDArray[np.uint8]) -> int:
        """CRC-32/MPEG-2 over the little-endian words of the packed C struct before its crc.

        zlib computes the bit-reflected twin of that polynomial, so the bits of each word are
        reversed on the way in and those of the result on the way out.
        """
        reflected = zlib.crc32(frame[self._crc_source].tobytes().translate(_REVERSED_BITS))
        result = (reflected ^ 0xFFFFFFFF).to_bytes(4, "little").translate(_REVERSED_BITS)
        return int.from_bytes(result, "big")


def _crc_source(source: Mapping[int, int], size: int) -> NDArray[np.intp]:
    # Padding takes frame byte 0, which the encapsulation keeps at zero.
    in_struct_order = np.array([source.get(offset, 0) for offset in range(size)], np.intp)
    return np.ascontiguousarray(in_struct_order.reshape(-1, 4)[:, ::-1]).ravel()
