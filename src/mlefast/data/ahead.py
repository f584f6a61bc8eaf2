# SPDX-License-Identifier: BSD-3-Clause
"""Reading ahead: what is read next is made in a thread of its own while the last is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

_PATIENCE = 0.1  # seconds after which the reader looks whether it is still wanted

Item = TypeVar("Item")


def read_ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, one ahead of those that are asked for."""
    stop, filled = threading.Event(), queue.Queue[Any](maxsize=1)

    def hand_over(item: Any) -> None:
        while not stop.is_set():
            try:
                filled.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            with closing(items):
                for item in items:
                    hand_over((item, None))
                    if stop.is_set():
                        return
            hand_over((None, None))
        except BaseException as error:
            hand_over((None, error))

    thread = threading.Thread(target=read, name="mlefast-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = filled.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stop.set()
        thread.join()
