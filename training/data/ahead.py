"""The next batch is made while one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from training.data.batch import Batch

Item = TypeVar("Item")


def make_ahead(make: Callable[[Item], Batch], items: Iterable[Item], device: torch.device) -> Iterator[Batch]:
    """The batches of some items, in order, each made by another thread while the one before it is used.

    Args:
        make: of an item, a batch on `device` or on the CPU.
        items: one a batch.
        device: where batches go. On a GPU the thread works in a stream of its own, so that both share the GPU.
    """
    stream = None
    if device.type == "cuda":
        stream = torch.cuda.Stream(device)
        # What the thread reads may have been uploaded only a moment ago.
        stream.wait_stream(torch.cuda.current_stream(device))

    def load(item: Item) -> tuple[Batch, torch.cuda.Event | None]:
        if stream is None:
            return make(item).to(device), None
        with torch.cuda.device(device), torch.cuda.stream(stream):
            batch, done = make(item).to(device), torch.cuda.Event()
            done.record(stream)
        return batch, done

    def taken(batch: Batch, done: torch.cuda.Event | None) -> Batch:
        if done is not None:
            user = torch.cuda.current_stream(device)
            user.wait_event(done)
            for tensor in batch.tensors():
                # Its memory must not serve the thread's next batch while this one is in use.
                tensor.record_stream(user)
        return batch

    with ThreadPoolExecutor(1) as pool:
        pending = None
        for item in items:
            coming = pool.submit(load, item)
            if pending is not None:
                yield taken(*pending.result())
            pending = coming
        if pending is not None:
            yield taken(*pending.result())
