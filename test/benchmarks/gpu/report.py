"""The measurements as Markdown, with what was to be reached."""

from __future__ import annotations

from typing import Any

CROPS_PER_S = 10_000
TIMES_COMPILED = 2.0
ROOFLINE = 0.6
LATENCY_MS = 3.0
CPU_SHARE = 0.25
RELATIVE_MM = 1.0
DISTANCE = 0.003


def markdown(results: dict[str, Any]) -> str:
    """The report."""
    device = results["device"]
    lines = [
        f"# {device['name']}",
        "",
        f"{results['date']}, compute capability {device['capability']}, CUDA {device['driver']} driver, "
        + ", ".join(f"{name} {version}" for name, version in results["versions"].items()),
        "",
    ]
    if "ceiling" in results:
        ceiling = results["ceiling"]
        lines += [
            f"Measured ceilings: {ceiling['tflops']:.0f} TFLOP/s (fp16 matrix product), "
            f"{ceiling['gb_per_s']:.0f} GB/s (copy).",
            "",
        ]
    lines += _throughput(results.get("throughput", {}))
    lines += _latency(results.get("latency", {}))
    lines += _int8(results.get("int8", {}), results.get("latency", {}))
    lines += _precision(results.get("precision", {}))
    lines += _targets(results)
    return "\n".join(lines) + "\n"


def targets(results: dict[str, Any]) -> list[tuple[str, bool | None, str]]:
    """What was to be reached: the words, whether it was (None if it was not measured), and what was measured."""
    heavy = results.get("throughput", {}).get("heavy", {})
    ours = heavy.get("TensorRT", {}).get("16", {})
    compiled = heavy.get("torch.compile", {}).get("16", {})
    four = results.get("latency", {}).get("1280x720", {}).get("4", {})
    precision = results.get("precision", {}).get("heavy", {})
    rate, other = ours.get("crops_per_s"), compiled.get("crops_per_s")
    share, median = ours.get("of_roofline"), four.get("median_ms")

    def row(words: str, value: float | None, reached: bool, unit: str) -> tuple[str, bool | None, str]:
        return words, (None if value is None else reached), "-" if value is None else f"{value:,.3g}{unit}"

    ratio = rate / other if rate and other else None
    late = four.get("p99_ms", 0) / median if median else None
    return [
        row(f"{CROPS_PER_S:,} crops/s at batch 16, heavy", rate, (rate or 0) >= CROPS_PER_S, " crops/s"),
        row(f"{TIMES_COMPILED:g} times torch.compile", ratio, (ratio or 0) >= TIMES_COMPILED, " times"),
        row(f"{ROOFLINE:.0%} of the roofline", share, (share or 0) >= ROOFLINE, ""),
        row(f"4 people at 1280x720 in {LATENCY_MS:g} ms", median, (median or 9e9) <= LATENCY_MS, " ms"),
        row("its p99 at most 1.5 times the median", late, (late or 9e9) <= 1.5, " times"),
        row(
            f"{CPU_SHARE:.0%} of a core at 30 Hz",
            four.get("cpu_share_at_30_hz"),
            four.get("cpu_share_at_30_hz", 9e9) <= CPU_SHARE,
            "",
        ),
        row(
            f"fp16 within {RELATIVE_MM:g} mm of fp32",
            precision.get("relative_mm"),
            precision.get("relative_mm", 9e9) <= RELATIVE_MM,
            " mm",
        ),
        row(
            f"fp16 within {DISTANCE:.1%} of the distance",
            precision.get("distance"),
            precision.get("distance", 9e9) <= DISTANCE,
            "",
        ),
    ]


def _throughput(throughput: dict[str, Any]) -> list[str]:
    lines = []
    for case, contestants in throughput.items():
        batches = sorted({int(batch) for rows in contestants.values() for batch in rows if batch.isdigit()})
        lines += [
            f"## Crops per second, {case}",
            "",
            "| | " + " | ".join(f"batch {batch}" for batch in batches) + " |",
            "|---|" + "---|" * len(batches),
        ]
        for name, rows in contestants.items():
            if "skipped" in rows:
                lines.append(f"| {name} | not measured: {rows['skipped']}" + " |" * len(batches))
                continue
            cells = []
            for batch in batches:
                cell = rows.get(str(batch))
                roof = f", {cell['of_roofline']:.0%} of the roofline" if cell and "of_roofline" in cell else ""
                cells.append(f"{cell['crops_per_s']:,.0f} ({cell['ms']:.2f} ms{roof})" if cell else "-")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def _latency(latency: dict[str, Any]) -> list[str]:
    if not latency:
        return []
    if "skipped" in latency:
        return ["## From image to people", "", f"Not measured: {latency['skipped']}", ""]
    lines = [
        "## From image to people",
        "",
        "| image | people | median | p99 | of a core at 30 Hz |",
        "|---|---|---|---|---|",
    ]
    for size, counts in latency.items():
        for count, row in counts.items():
            lines.append(
                f"| {size} | {count} | {row['median_ms']:.2f} ms | {row['p99_ms']:.2f} ms | "
                f"{row['cpu_share_at_30_hz']:.0%} |"
            )
    return [*lines, ""]


def _int8(int8: dict[str, Any], half: dict[str, Any]) -> list[str]:
    if not int8:
        return []
    lines = ["## From image to people in int8", ""]
    for case, sizes in int8.items():
        if "skipped" in sizes:
            return [*lines, f"Not measured: {sizes['skipped']}", ""]
        lines += [f"| {case} | people | int8, median | fp16, median |", "|---|---|---|---|"]
        for size, counts in sizes.items():
            for count, row in counts.items():
                other = half.get(size, {}).get(count)
                beside = f"{other['median_ms']:.2f} ms" if other else "-"
                lines.append(f"| {size} | {count} | {row['median_ms']:.2f} ms | {beside} |")
    return [*lines, ""]


def _precision(precision: dict[str, Any]) -> list[str]:
    if not precision:
        return []
    lines = ["## fp16 against fp32", "", "| | relative, mean | distance |", "|---|---|---|"]
    for case, row in precision.items():
        if "skipped" in row:
            lines.append(f"| {case} | not measured: {row['skipped']} | |")
        else:
            lines.append(f"| {case} | {row['relative_mm']:.2f} mm | {row['distance']:.2%} |")
    return [*lines, ""]


def _targets(results: dict[str, Any]) -> list[str]:
    lines = ["## To reach", "", "| | reached | measured |", "|---|---|---|"]
    for words, reached, measured in targets(results):
        lines.append(f"| {words} | {'not measured' if reached is None else 'yes' if reached else 'no'} | {measured} |")
    return lines
