# SPDX-License-Identifier: BSD-3-Clause
"""A journal of the answers that passes gave, by which a fit that was interrupted goes on where it stopped.

A fit is deterministic: started again, it puts the same questions to the rows in the same order. So their answers are
all that has to be kept. Those that stand in the journal are taken from there, the others come from the rows and are
written down, and the end is the same to the last bit. An answer has O(p^2) numbers, whatever the number of rows.

The file is a line of JSON, which says what is fitted, and a record for each pass: a digest of the question, the length
of the answer, the answer as an .npz file, and its checksum. What a crash left of a last record is cut off.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlefast.errors import DataError

from .protocol import Matrix, Vector

if TYPE_CHECKING:
    from .rows import Rows, Softmax

_DIGEST = 16
_LENGTH = struct.Struct("<Q")


class Journal:
    """The answers so far to the questions of one fit, in a file.

    Parameters
    ----------
    path : path
        Of the file, which is made if there is none.
    about : dict
        What is fitted to what, as JSON has it.

    Raises
    ------
    DataError
        If the file is not a journal, or one of another fit, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], about: dict[str, Any]) -> None:
        self._path = Path(path)
        self._asked = 0
        header = json.dumps({"mlefast checkpoint": 1, **about}, sort_keys=True).encode() + b"\n"
        try:
            content = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise self._failed("read", error) from None
        if content and not content.startswith(b'{"'):
            raise DataError(f"{self._path} is no checkpoint of a fit. Give another path.")
        if content and not content.startswith(header):
            raise DataError(
                f"{self._path} is the checkpoint of another fit: {_difference(content, header)}. Delete it, or give "
                "another path."
            )
        if not content:
            self._append(header)
        self._records, end = _records(content, len(header))
        if end < len(content):
            os.truncate(self._path, end)

    def answer(self, question: str, arguments: tuple[Any, ...], ask: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """What the journal has on the next question, or else what `ask` says, which is written down."""
        digest = _digest(question, arguments)
        place, self._asked = self._asked, self._asked + 1
        if place < len(self._records):
            record = self._records[place]
            if record.digest == digest:
                return _unpacked(self._payload(record))
            # another question than the last time, such as after a change of `tol`
            os.truncate(self._path, record.begin)
            del self._records[place:]
        found = ask()
        payload = _packed(found)
        self._append(digest + _LENGTH.pack(len(payload)) + payload + _checksum(payload))
        return found

    def _payload(self, record: _Record) -> bytes:
        with self._path.open("rb") as file:
            file.seek(record.begin + _DIGEST + _LENGTH.size)
            return file.read(record.length)

    def _append(self, data: bytes) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # it must be there whatever happens next
        except OSError as error:
            raise self._failed("written", error) from None

    def _failed(self, what: str, error: OSError) -> DataError:
        return DataError(f"the checkpoint {self._path} cannot be {what}: {error.strerror or error}. Choose another.")


class _Record(NamedTuple):
    """An answer in the file: to which question, where it begins and how long it is."""

    digest: bytes
    begin: int
    length: int


class JournalRows:
    """Rows whose passes are in a journal; see `Rows`."""

    def __init__(self, rows: Rows, journal: Journal) -> None:
        self.rows = rows
        self.journal = journal
        self._space: tuple[Vector, ...] = ()

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        self._space = centre, scale
        self.rows.standardise(centre, scale)

    def evaluate(
        self, params: Vector, leaf: Any, order: int, threads: int, single: bool = False
    ) -> tuple[float, Vector | None, Matrix | None, bool, float]:
        """(nll, gradient or None, Hessian or None, whether all is finite, reach)."""
        nll, gradient, hessian, finite, reach = self.journal.answer(
            "evaluate",
            (*self._space, params, leaf.key, order, single),
            lambda: self.rows.evaluate(params, leaf, order, threads, single),
        )
        return float(nll), gradient, hessian, bool(finite), float(reach)

    def scores(
        self,
        params: Vector,
        leaf: Any,
        threads: int,
        inverse: Matrix | None = None,
        power: int = 0,
        counted: bool = True,
    ) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        products, finite = self.journal.answer(
            "scores",
            (*self._space, params, leaf.key, inverse, power, counted),
            lambda: self.rows.scores(params, leaf, threads, inverse, power, counted),
        )
        return products, bool(finite)

    def prior_slopes(self, params: Vector, leaf: Any, threads: int, inverse: Matrix) -> Vector:
        """The sum of w d3 |A'x|^2 x."""
        (slopes,) = self.journal.answer(
            "prior slopes",
            (*self._space, params, leaf.key, inverse),
            lambda: (self.rows.prior_slopes(params, leaf, threads, inverse),),
        )
        return np.asarray(slopes)

    def scan(self, params: Vector, direction: Vector, leaf: Any, threads: int) -> tuple[float, float, float]:
        """(largest -d2 x'd / d1, least and largest step towards the open side)."""
        gain, least, most = self.journal.answer(
            "scan",
            (*self._space, params, leaf.key, direction),
            lambda: self.rows.scan(params, direction, leaf, threads),
        )
        return float(gain), float(least), float(most)

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row: too long for a journal."""
        return self.rows.linear_predictor(params, threads)

    def every(self, step: int) -> Rows:
        """Rows 0, step, 2 step, ... of the same data, which are few enough to be asked again."""
        return self.rows.every(step)


class JournalSoftmax:
    """The softmax of rows, with its passes in a journal; see `Softmax`."""

    def __init__(self, softmax: Softmax, journal: Journal) -> None:
        self._softmax = softmax
        self._journal = journal

    def evaluate(
        self, params: Matrix, order: int, threads: int, single: bool = False
    ) -> tuple[float, Matrix | None, Matrix | None, bool]:
        """(nll, gradient or None, Hessian or None, whether all is finite)."""
        nll, gradient, hessian, finite = self._journal.answer(
            "evaluate", (params, order, single), lambda: self._softmax.evaluate(params, order, threads, single)
        )
        return float(nll), gradient, hessian, bool(finite)

    def scores(self, params: Matrix, threads: int, counted: bool = True) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        products, finite = self._journal.answer(
            "scores", (params, counted), lambda: self._softmax.scores(params, threads, counted)
        )
        return products, bool(finite)

    def scan(self, params: Matrix, direction: Matrix, threads: int) -> tuple[float, float, float]:
        """Extremes of the steps of labels and classes."""
        gain, least, most = self._journal.answer(
            "scan", (params, direction), lambda: self._softmax.scan(params, direction, threads)
        )
        return float(gain), float(least), float(most)


def _digest(question: str, arguments: tuple[Any, ...]) -> bytes:
    found = hashlib.blake2b(question.encode(), digest_size=_DIGEST)
    for argument in arguments:
        array = np.ascontiguousarray(np.nan if argument is None else argument, dtype=np.float64)
        found.update(repr(array.shape).encode() + array.tobytes())
    return found.digest()


def _checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST).digest()


def _packed(answer: tuple[Any, ...]) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {f"{i:02d}": np.asarray(part) for i, part in enumerate(answer) if part is not None}
    np.savez(file, **arrays)
    return struct.pack("<B", len(answer)) + file.getvalue()


def _unpacked(payload: bytes) -> tuple[Any, ...]:
    with np.load(io.BytesIO(payload[1:]), allow_pickle=False) as arrays:
        return tuple(arrays.get(f"{i:02d}") for i in range(payload[0]))


def _records(content: bytes, place: int) -> tuple[list[_Record], int]:
    """The whole records from a place on, and where they end."""
    found: list[_Record] = []
    while place + _DIGEST + _LENGTH.size <= len(content):
        first = place + _DIGEST + _LENGTH.size
        length = _LENGTH.unpack_from(content, place + _DIGEST)[0]
        payload = content[first : first + length]
        if content[first + length : first + length + _DIGEST] != _checksum(payload):
            break
        found.append(_Record(content[place : place + _DIGEST], place, length))
        place = first + length + _DIGEST
    return found, place


def _difference(content: bytes, header: bytes) -> str:
    """In what two fits differ."""
    try:
        there, here = json.loads(content.partition(b"\n")[0]), json.loads(header)
        odd = next(key for key in {**here, **there} if here.get(key) != there.get(key))
    except (ValueError, StopIteration, AttributeError):
        return "its first line says nothing"
    return f"its {odd} is {there.get(odd)!r}, that of this fit {here.get(odd)!r}"
