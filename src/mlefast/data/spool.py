# SPDX-License-Identifier: BSD-3-Clause
"""Vectors that grow, in memory while they are small, else in a temporary file that has no name."""

from __future__ import annotations

import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError


class Spool:
    """One value per row, part by part; whole numbers take as few bytes as hold them."""

    def __init__(self, room: int) -> None:
        """`room` is the number of bytes up to which all is kept in memory."""
        self._room = room
        self._parts: list[NDArray[Any]] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._written: list[tuple[np.dtype[Any], int]] = []

    def append(self, part: NDArray[Any]) -> None:
        """Add the next values; DataError if the disk is full."""
        self._parts.append(_narrowed(part))
        self._bytes += self._parts[-1].nbytes
        if self._bytes > self._room:
            self._flush()

    def finish(self) -> NDArray[Any]:
        """All values, in memory or mapped."""
        if self._file is None:
            return np.concatenate(self._parts) if self._parts else np.empty(0)
        self._flush()
        with self._file as file:
            dtype = np.result_type(*(kind for kind, _ in self._written))
            total = sum(count for _, count in self._written)
            if all(kind == dtype for kind, _ in self._written):
                return _mapped(file, dtype, total)
            with tempfile.TemporaryFile() as wider:
                whole, offset, first = _mapped(wider, dtype, total), 0, 0
            for kind, count in self._written:
                whole[first : first + count] = np.memmap(file, kind, "r", offset, (count,))
                offset, first = offset + count * kind.itemsize, first + count
            return whole

    def close(self) -> None:
        """Forget the file, if `finish` has not taken it."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115
            for part in self._parts:
                self._file.write(np.ascontiguousarray(part).data)
                self._written.append((part.dtype, len(part)))
            self._file.flush()
        except OSError as error:
            raise no_room(error) from None
        self._parts, self._bytes = [], 0


def _narrowed(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "iu" or not values.size:
        return np.ascontiguousarray(values)
    least, most = int(values.min()), int(values.max())
    return values.astype(np.promote_types(np.min_scalar_type(least), np.min_scalar_type(most)))


def _mapped(file: IO[bytes], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """The file as an array, which keeps it when it is closed."""
    try:
        return np.memmap(file, dtype, "r+", shape=(count,))
    except OSError as error:
        raise no_room(error) from None


def no_room(error: OSError) -> DataError:
    """What to say of a disk that is full."""
    return DataError(
        f"temporary files cannot be written to {tempfile.gettempdir()}: {error.strerror or error}. Set TMPDIR to a "
        "folder with more room."
    )
