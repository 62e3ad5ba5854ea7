"""The benchmarks' results as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def markdown(results: dict[str, Any]) -> str:
    """Tables of every part that was measured, in Markdown; parts that were skipped are named with the reason."""
    writers = {
        "accuracy": ("The demo's clip against four calibrated views", _accuracy),
        "detectors": ("People found at 1280x720 (field of view 70 degrees)", _detectors),
        "speed": ("Speed in one process, 1280x720, one person", _speed),
        "ros": ("Through ROS 2, camera at 30 Hz, 1280x720, one person", _ros),
        "mediapipe": ("Beside MediaPipe Pose heavy", _mediapipe),
        "tracking": ("Ids, jitter and lag: simulated people who cross and hide each other", _tracking),
        "empty": ("People seen where nobody is, and recall at the same thresholds", _empty),
        "load": ("The node under load: cameras faster than it can look", _load),
        "faults": ("Publishing again after faults", _faults),
        "heads": ("What heads cost on top of a backbone", _heads),
    }
    lines = ["# Benchmark results"]
    for part, (title, write) in writers.items():
        if part not in results:
            continue
        result = results[part]
        lines += ["", f"## {title}", ""]
        if "skipped" in result:
            lines.append(f"Skipped: {result['skipped']}")
        else:
            lines += write({key: value for key, value in result.items() if key not in ("machine", "seconds")})
        machine = result["machine"]
        lines += [
            "",
            f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, "
            f"load {machine['load_average_1_min']} before the start; models {machine['models']}",
        ]
    return "\n".join(lines) + "\n"


def _accuracy(result: dict[str, Any]) -> list[str]:
    rows = []
    for model, views in result.items():
        for name, view in views.items():
            found = f"{view['found']}/{view['frames']}"
            if not view["found"]:
                rows.append([model, name, found, *["-"] * 7])
                continue
            error, pose = view["distance_error_percent"], view["mpjpe_mm"]
            rows.append(
                [
                    model, name, found, view["id_changes"], f"{view['distance_m']:.2f} ({view['true_distance_m']:.2f})",
                    f"{error['median']:+.1f} / {error['worst']:.1f}", f"{view['frames_within_10_percent']}",
                    f"{view['height_m']:.2f}", *(f"{value:.0f}" for value in pose.values()),
                ]
            )  # fmt: skip
    return _table(
        [
            "model", "view", "found", "id changes", "distance (true), m", "error %, median / worst", "within 10 %",
            "height, m", "MPJPE 17, mm", "12 joints", "12, Procrustes",
        ],
        rows,
    )  # fmt: skip


def _detectors(result: dict[str, Any]) -> list[str]:
    distances = list(next(iter(result.values()))["found"])
    rows = [
        [name, *(row["found"][distance] for distance in distances), row["boxes_elsewhere"], row["ms_median"]]
        for name, row in result.items()
    ]
    header = ["detector", *distances, "boxes elsewhere", "ms"]
    note = "Boxes elsewhere may be right: in some cuts a part of the second person can be seen."
    return [*_table(header, rows), "", note]


def _speed(result: dict[str, Any]) -> list[str]:
    stages = list(next(iter(result.values()))["ms"])
    rows = [
        [model, row["frames_per_second"], *(_pair(row["ms"][stage]) for stage in stages)]
        for model, row in result.items()
    ]
    return [*_table(["model", "frames/s", *stages], rows), "", "Times in ms: median / 95th percentile."]


def _ros(result: dict[str, Any]) -> list[str]:
    rows = [
        [
            name, f"{row['answered']}/{row['images']}", row["answers_per_second"], _pair(row["latency_ms"]),
            _pair(row["published_ms"]), row["networks_ms"], row["beside_networks_ms"], row["p95_over_median"],
            row["cpu_percent_of_a_core"],
        ]
        for name, row in result.items()
    ]  # fmt: skip
    header = [
        "node", "answered", "answers/s", "markers heard, ms", "published, ms", "networks, ms",
        "published less networks, ms", "p95 / median", "CPU, % of a core",
    ]  # fmt: skip
    return [
        *_table(header, rows),
        "",
        "Times are from the image's stamp; median / 95th percentile. Networks are the mean of the pose network and of "
        "waiting for the detector. The CPU time is the whole process'; with networks that cost nothing it is what all "
        "else costs.",
    ]


def _mediapipe(result: dict[str, Any]) -> list[str]:
    whole, networks = result["whole images"], list(result["networks"].values())
    times = []
    for network in networks:
        for name, spread in network["ms_per_person"].items():
            faster = network.get("times_faster", {}).get(name)
            ratio = f"{faster['best']:.2f} / {faster['median']:.2f} than {faster['than']}" if faster else "-"
            times.append([name, network["threads"], network["best_ms_per_person"][name], _pair(spread), ratio])
    right = [
        [name, networks[0]["agreement_with_mediapipe_pck_0.2"].get(name, "-"), *truth.values()]
        for name, truth in networks[0]["against_truth"].items()
    ]
    images = [[name, _pair(spread), whole["frames_per_second"][name]] for name, spread in whole["ms_per_frame"].items()]
    return [
        *_table(["network", "threads", "best ms", "median / p95 ms", "times faster: best / median"], times),
        "",
        *_table(
            ["network", "agrees with MediaPipe (PCK@0.2)", "PCK@0.2 of truth", "px off", "MPJPE mm", "Procrustes mm"],
            right,
        ),
        "",
        networks[0]["note"],
        "",
        *_table(["whole 1280x720 images, detection and tracking included", "ms", "frames/s"], images),
    ]


def _heads(result: dict[str, Any]) -> list[str]:
    header = [
        "backbone", "its ms", "head, heatmaps a joint", "head + placement ms", "% of forward", "MB kept in training",
        "of it by soft-argmax",
    ]  # fmt: skip
    rows = [row.values() for row in result["rows"]]
    note = (
        f"One forward pass of {result['batch']} crops of {result['side']} px and 30 joints in torch {result['torch']} "
        f"on {result['device']}; medians, backbone and head taking turns."
    )
    return [*_table(header, rows), "", note]


def _tracking(result: dict[str, Any]) -> list[str]:
    ids = result["ids"]
    header = ["scene", *next(iter(ids.values()))]
    joints = result["smoothing"]
    measures = list(next(iter(joints.values())))
    return [
        *_table(header, [[scene, *row.values()] for scene, row in ids.items()]),
        "",
        *_table(["joint", *measures], [[joint, *row.values()] for joint, row in joints.items()]),
        "",
        f"Tracker {result['tracker ms per frame']} ms per frame; "
        f"{result['crops per frame and person']} crops per frame and person.",
    ]


def _empty(result: dict[str, Any]) -> list[str]:
    lines = []
    for model, row in result.items():
        shown = {**row["places"], **row["likenesses"]}
        rows = [
            [kind, part["frames"], part["reported"], part["ids"], ", ".join(part["where"]) or "-"]
            for kind, part in shown.items()
        ]
        lines += [
            f"{model}: {row['false_per_1000_frames']} people reported in 1,000 frames of places without any, "
            f"{row['false_ids_per_1000_frames']} different ones. Drawings, posters and mirrors count apart.",
            "",
            *_table(["shown", "frames", "people reported in them", "different ones", "where"], rows),
            "",
            *_table(list(row["recall"]), [row["recall"].values()]),
            "",
        ]
    return lines


def _load(result: dict[str, Any]) -> list[str]:
    header = [
        "cameras", "size", "people in each", "max_people", "seen in each", "latency ms, median / p95", "max",
        "answers/s of each camera", "people/s",
    ]  # fmt: skip
    rows = []
    for row in result["rows"]:
        scene = [row["cameras"], row["size"], row["people"], row["max_people"]]
        latency = row.get("latency_ms")
        if latency is None:
            rows.append([*scene, *["-"] * 5])
            continue
        rates = row["answers_per_second_and_camera"], row["people_per_second"]
        rows.append([*scene, row["seen"], _pair(latency), f"{latency['max']:.0f}", *rates])
    note = (
        f"Model {result['model']} through ROS 2 on {result['cores']} cores; each camera at {result['camera_hz']:g} Hz, "
        "latency from an image's publication to its keypoints. Cameras, node and listener share the cores."
    )
    return [*_table(header, rows), "", note]


def _faults(result: dict[str, Any]) -> list[str]:
    return _table(
        ["fault", "published again after, s"], [[name, f"{it:.2f}"] for name, it in result["longest_s"].items()]
    )


def _pair(spread: dict[str, float]) -> str:
    return f"{spread['median']:.1f} / {spread['p95']:.1f}"


def _table(header: list[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
