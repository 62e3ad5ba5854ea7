"""Several bags at once, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import OpenStreams, Outcome, process
from metric_pose_ros.engines.failures import EngineFailure

Report = Callable[[int, int, int], object]
"""Told which job (its place in the list) has done how many images of how many."""


def process_all(jobs: Sequence[Job], at_once: int, open_streams: OpenStreams, report: Report) -> list[Outcome]:
    """Goes through bags; one that fails, or whose process dies, leaves the others alone. For the main thread.

    Args:
        jobs: what to do; the order of the outcomes.
        at_once: how many bags to work on at the same time.
        open_streams: makes what finds people; where processes are used, it must be a function or class of a module.
        report: told of the progress.
    """
    if len(jobs) == 1 or at_once == 1:
        return [_outcome(job, open_streams, partial(report, number)) for number, job in enumerate(jobs)]
    outcomes = [Outcome(error="its process died")] * len(jobs)
    waiting = deque(enumerate(jobs))
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, job = waiting.popleft()
                ours, worker = _start(job, open_streams)
                running[ours] = number, worker
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                number, worker = running[pipe]
                try:
                    said = pipe.recv()
                except EOFError:  # it has ended, one way or another
                    worker.join()
                    if worker.exitcode:
                        died = f"its process ended with {worker.exitcode}: is there enough memory for --jobs {at_once}?"
                        outcomes[number] = Outcome(error=died)
                    del running[pipe]
                    continue
                if isinstance(said, Outcome):
                    outcomes[number] = said
                else:
                    report(number, *said)
    finally:
        for _, worker in running.values():
            worker.terminate()
        for _, worker in running.values():
            worker.join()
    return outcomes


def _start(job: Job, open_streams: OpenStreams) -> tuple[Connection, BaseProcess]:
    # A fresh process: ONNX Runtime's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(job, open_streams, theirs), daemon=True)
    # Ctrl+C is for the first process, which tells the others; what is ignored here is ignored there.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker.start()
    signal.signal(signal.SIGINT, heard)
    theirs.close()  # so that its end is noticed when the process is gone
    return ours, worker


def _work(job: Job, open_streams: OpenStreams, report_to: Connection) -> None:
    # To be told to end is an exception, so that nothing half done is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report_to.send(_outcome(job, open_streams, lambda done, of: report_to.send((done, of))))
    except KeyboardInterrupt:
        return


def _outcome(job: Job, open_streams: OpenStreams, progress: Callable[[int, int], object]) -> Outcome:
    try:
        return process(job, open_streams, progress)
    except (ValueError, OSError) as error:
        return Outcome(error=str(error))
    except EngineFailure as error:
        return Outcome(error=f"{job.source}: {error}")
