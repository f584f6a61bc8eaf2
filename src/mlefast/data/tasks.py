# SPDX-License-Identifier: BSD-3-Clause
"""Tasks of Dask: how they are made and computed, what becomes of their failures, and the sums of their answers."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlefast.errors import DataError, MlefastError

from .files import first_line


def begun(*values: Any) -> tuple[Any, ...]:
    """The values, those of Dask under way on the workers; all of them from one reading."""
    import dask

    answer: tuple[Any, ...] = dask.persist(*values)
    return answer


def computed(tasks: Sequence[Any]) -> list[Any]:
    """The results of delayed tasks, by the scheduler that Dask chooses."""
    import dask

    return list(dask.compute(*tasks))


def gathered(*values: Any) -> tuple[Any, ...]:
    """The values, those of Dask in memory.

    They come from the workers themselves if all are on the scheduler's host, which is reached: twice as fast as by way
    of the scheduler. Workers elsewhere may be out of reach.
    """
    import dask

    answer: tuple[Any, ...] = dask.compute(*values, **({"direct": True} if _on_one_host() else {}))
    return answer


def _on_one_host() -> bool:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        client = distributed.Client.current()
    except ValueError:  # there is none
        return False
    hosts = {address.rpartition(":")[0] for address in client.scheduler_info()["workers"]}
    return hosts == {client.scheduler.address.rpartition(":")[0]}


def added(answers: Sequence[Any]) -> Any:
    """The sum of answers of the same form: neighbours first, then neighbours of these sums, and so on."""
    while len(answers) > 1:
        pairs = zip(answers[::2], answers[1::2], strict=False)
        answers = [*(_plus(a, b) for a, b in pairs), *answers[len(answers) - len(answers) % 2 :]]
    return answers[0]


def _plus(a: Any, b: Any) -> Any:
    if a is None:
        return None
    if isinstance(a, tuple):
        return tuple(map(_plus, a, b))
    return bool(a and b) if isinstance(a, bool | np.bool_) else a + b


def reads(what: str, function: Callable[..., Any], parts: Sequence[Any], arguments: tuple[Any, ...]) -> list[Any]:
    """A task per part for `function(part, *arguments)`; an error of it names the partition."""
    return calls("read", _called, [(part, what, number, function, arguments) for number, part in enumerate(parts)])


def calls(name: str, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """A task for each of these arguments.

    Their keys make them a group of their own. In a group that grew from call to call there would soon be many more
    tasks than blocks, and Dask would spread them over the workers without regard to where the blocks are.
    """
    import dask

    call, group = dask.delayed(function, pure=False), f"mlefast-{name}-{uuid.uuid4().hex}"
    return [call(*given, dask_key_name=(group, place)) for place, given in enumerate(arguments)]


def finished(what: str, tasks: Sequence[Any], finish: Callable[[], Any]) -> Any:
    """What `finish` returns; an error of somebody else's becomes one of the first of the tasks that fails."""
    try:
        return finish()
    except MlefastError:
        raise
    except Exception as failure:
        raise _first_failure(what, tasks, failure) from failure


def _first_failure(what: str, tasks: Sequence[Any], failure: Exception) -> Exception:
    for number, task in enumerate(tasks):
        try:
            computed([task])
        except MlefastError as error:
            return error
        except Exception as error:
            return DataError(f"partition {number} of {what} cannot be made: {_described(error)}")
    return DataError(f"{what} cannot be read: {_described(failure)}")


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def tasks_of(x: Any) -> list[Any]:
    """Delayed parts of the rows, each with all columns."""
    if hasattr(x, "rechunk"):
        x = x[:, np.newaxis] if x.ndim == 1 else x
        if x.ndim != 2:
            raise DataError(f"X has {x.ndim} dimensions; it must have two: rows and columns.")
        return list(x.rechunk({1: -1}).to_delayed().ravel())
    if hasattr(x, "partitions") and hasattr(x, "to_delayed"):
        return list(x.to_delayed())
    raise DataError(f"X is a {type(x).__name__} of Dask, whose rows cannot be read. Use an array or a data frame.")


def told(what: str, function: Callable[..., Any], parts: Sequence[Any], *arguments: Any) -> list[Any]:
    """`function(part, *arguments)` of each partition; DataError names the first that fails."""
    tasks = reads(what, function, parts, arguments)
    answers: list[Any] = finished(what, tasks, lambda: computed(tasks))
    return answers


# What follows runs on the workers.


def _called(part: Any, what: str, number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(part, *arguments)
    except MlefastError as error:
        raise type(error)(f"partition {number} of {what}: {error}") from None
