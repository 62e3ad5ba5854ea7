"""What a soak says of a steady node and of one that leaks, slows down or forgets who is who."""

import numpy as np
import pytest

from test.soak import answers, pictures, samples
from test.soak.answers import ANSWER
from test.soak.samples import Sample
from test.soak.verdicts import judge

FRAMES, ROWS = 200_000, 401


def steady() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A node that costs 20 ms a frame and always the same memory, but for noise and a start."""
    random = np.random.default_rng(0)
    frames = np.linspace(0, FRAMES, ROWS)
    starting = 50 * np.exp(-frames / 3000)
    table = {
        "frames": frames,
        "rss_mb": 350 - starting + random.normal(0, 0.05, ROWS),
        "own_mb": 250 - starting + random.normal(0, 0.05, ROWS),
        "threads": np.full(ROWS, 21.0),
        "descriptors": np.full(ROWS, 26.0),
        "cpu_s": frames * 0.02,
        "entrances": frames // 200,
        "newest_id": frames // 200,
    }
    found = np.zeros(FRAMES, ANSWER)
    found["latency_ms"] = random.gamma(20, 1, FRAMES)
    found["latency_ms"][:50] = 500
    return table, found


def broken(table: dict[str, np.ndarray], found: np.ndarray) -> list[str]:
    return [verdict.what.split()[0] for verdict in judge(table, found) if not verdict.kept]


def test_a_steady_node_keeps_every_promise():
    assert broken(*steady()) == []


@pytest.mark.parametrize(("leak_mb", "said"), [(0.8, []), (1.3, ["memory"])])
def test_memory_may_grow_by_one_megabyte_per_100_000_frames(leak_mb, said):
    table, found = steady()
    table["own_mb"] = table["own_mb"] + leak_mb * table["frames"] / 100_000
    assert broken(table, found) == said


@pytest.mark.parametrize("name", ["threads", "descriptors"])
def test_one_thread_or_descriptor_more_is_told(name):
    table, found = steady()
    table[name][-1] += 1
    assert broken(table, found) == [name]


def test_late_answers_and_missing_ones_are_told():
    table, found = steady()
    found["latency_ms"][-5000:] *= 1.5
    found["latency_ms"][100_000:100_500] = np.nan
    assert broken(table, found) == ["p99", "frames"]


def test_more_work_a_frame_and_more_ids_than_people_are_told():
    table, found = steady()
    table["cpu_s"] = table["cpu_s"] + 0.003 * np.maximum(table["frames"] - 150_000, 0)
    table["newest_id"] = table["newest_id"] + np.maximum(table["frames"] - 150_000, 0) // 500
    assert broken(table, found) == ["processor", "ids"]


def test_nothing_is_said_of_a_few_frames():
    table, found = steady()
    with pytest.raises(ValueError, match="expected 20 or more"):
        judge(table, found[:10])


def test_a_table_that_was_cut_off_is_read_up_to_its_last_whole_row(tmp_path):
    file = tmp_path / "samples.csv"
    row = Sample(1.5, 100, 0, 350.25, 250.0, 21, 26, 2.0, 0.5, 1, 2, 3, 3, 20.0, 30.0)
    for _ in range(2):
        samples.append(file, row)
    file.write_text(file.read_text() + "3.0,200,0,35")
    table = samples.read(file)
    assert table["rss_mb"].tolist() == [350.25, 350.25]
    assert table["p99_ms"].tolist() == [30.0, 30.0]


def test_answers_that_were_cut_off_are_read_up_to_the_last_whole_one(tmp_path):
    file = tmp_path / "answers.bin"
    written = np.array([(20.0, 1, 1, 7), (21.0, 2, 1, 7), (np.nan, 0, 0, 7)], ANSWER)
    file.write_bytes(written.tobytes()[:-3])
    assert answers.read(file).tolist() == written[:2].tolist()
    assert answers.read(file, 1).tolist() == written[1:2].tolist()
    values = samples.answer_values(written, 1)
    assert (values["frames"], values["unanswered"], values["newest_id"], values["p50_ms"]) == (3, 1, 7, 21.0)


def test_people_come_and_go_one_or_two_at_a_time_and_are_counted():
    there = np.array([[pictures.place(side, frame) > 0 for side in range(2)] for frame in range(2000)])
    came = (np.diff(there.astype(int), axis=0) > 0).sum() + there[0].sum()
    # The first picture of a way shows nobody yet, so the count is a frame ahead.
    assert abs(came - pictures.entrances(1999)) <= 1
    shares = np.bincount(there.sum(axis=1)) / len(there)
    assert shares.tolist() == pytest.approx([0.05, 0.81, 0.14], abs=0.02)
