"""Crops cut out of an image inside the graph: what `metric_pose_ros.geometry.crop.sample` does, on the GPU.

A crop that shows the image at less than its own size is sampled from the image shrunk by the largest of `FACTORS` that
keeps at least a pixel of the shrunk image per pixel of the crop in its middle, so that little aliases.

All crops are sampled as one tall grid: the image stays a batch of one and is not repeated.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from metric_pose_ros.geometry.crop import FACTORS, MIDDLE, middle_of

_MADE_FROM = {2: 1, 3: 1, 4: 2, 6: 3, 8: 4, 12: 6}
_FAR_OUTSIDE = -3.0


def sampling_graph(side: int, opset: int) -> onnx.ModelProto:
    """A graph that looks at an image through crop cameras.

    Inputs: ``image`` (H, W, 3) uint8 BGR, ``homographies`` (N, 3, 3) from px of the crops to px of the image; pixel
    centres are whole numbers in both. Output: ``crops`` (N, 3, S, S) RGB in 0..1, gamma-encoded as the image is, zero
    outside it.

    Args:
        side: of the crops, px.
        opset: 17 or 18.
    """
    lines = [*_places(), *_looks(), "rgb = Gather <axis = 1> (seen, reversed)", "whole = Round (rgb)"]
    text = f"""
        <ir_version: 8, opset_import: ["" : {opset}]>
        look (uint8[height, width, 3] image, float[batch, 3, 3] homographies) => (float[batch, 3, {side}, {side}] crops)
        {{ {" ".join(lines)} crops = Mul (whole, grey) }}
    """
    graph = onnx.parser.parse_model(text)
    for name, value in _constants(side).items():
        graph.graph.initializer.append(numpy_helper.from_array(value, name))
    return graph


def _constants(side: int) -> dict[str, np.ndarray]:
    y, x = np.mgrid[:side, :side].reshape(2, -1)
    floats = {
        "pixels": np.stack([x, y, np.ones_like(x)]),
        "middle": np.concatenate([middle_of(side).T, np.ones((1, 4))]),
        "middle_side": MIDDLE * side,
        "nearest": 1e-6,
        "half": 0.5,
        "one": 1,
        "grey": 1 / 255,
        "outside": _FAR_OUTSIDE,
        **{f"factor{factor}": factor for factor in FACTORS[1:]},
        **{f"stretch{factor}": 2 / factor for factor in FACTORS},
    }
    numbers = {
        "first": [0],
        "after_columns": [1],
        "columns_and_rows": [3, 2],
        "coordinates_and_depth": [2, 1],
        "each_axis": [1, 1],
        "each_corner": [1, 1, 1, 1],
        "reversed": [2, 1, 0],
        "tall": [1, -1, side, 2],
        "apart": [3, -1, side, side],
    }
    return {name: np.array(value, np.float32) for name, value in floats.items()} | {
        name: np.array(value, np.int64) for name, value in numbers.items()
    }


def _places() -> list[str]:
    """Where the crops' pixels lie in the image, and how many image px a crop px is, rounded down as on the CPU."""
    lines = []
    for what in ("pixels", "middle"):
        lines += [
            f"{what}_seen = MatMul (homographies, {what})",
            f"{what}_scaled, {what}_depth = Split <axis = 1> ({what}_seen, coordinates_and_depth)",
            f"{what}_ahead = Greater ({what}_depth, nearest)",
            f"{what}_divisor = Where ({what}_ahead, {what}_depth, one)",
            f"{what}_place = Div ({what}_scaled, {what}_divisor)",
        ]
    corners = "corner0, corner1, corner2, corner3"
    return [
        *lines,
        f"{corners} = Split <axis = 2> (middle_place, each_corner)",
        # As in `crop._zoom`: the shorter of the lines through the middle of its sides, however it is turned.
        *_length("across", "corner1, corner3", "corner0, corner2"),
        *_length("down", "corner2, corner3", "corner0, corner1"),
        "narrow = Min (across, down)",
        "zoom = Div (narrow, middle_side)",
        "shrink = Floor (zoom)",
        "centre = Add (pixels_place, half)",
        # TensorRT cannot transpose uint8, so the type changes first.
        "values = Cast <to = 1> (image)",
        "planes = Transpose <perm = [2, 0, 1]> (values)",
        "picture1 = Unsqueeze (planes, first)",
    ]


def _length(name: str, ends: str, starts: str) -> list[str]:
    """How long the line is between the middles of two pairs of corners (batch, 2, 1)."""
    return [
        f"{name}_ends = Add ({ends})",
        f"{name}_starts = Add ({starts})",
        f"{name}_twice = Sub ({name}_ends, {name}_starts)",
        f"{name}_line = Mul ({name}_twice, half)",
        f"{name}_squares = Mul ({name}_line, {name}_line)",
        f"{name}_x, {name}_y = Split <axis = 1> ({name}_squares, each_axis)",
        f"{name}_square = Add ({name}_x, {name}_y)",
        f"{name} = Sqrt ({name}_square)",
    ]


def _looks() -> list[str]:
    """What is seen of the image at each size, by the crops that want that size."""
    lines = []
    for factor, limit in zip(FACTORS, (*FACTORS[1:], None), strict=True):
        if factor > 1:
            made_from = _MADE_FROM[factor]
            size = factor // made_from
            lines.append(
                f"picture{factor} = AveragePool <kernel_shape = [{size}, {size}], strides = [{size}, {size}]> "
                f"(picture{made_from})"
            )
        picture, whole = _whole(factor)
        lines += [
            *whole,
            # The sizes are read from the picture, and so remain free.
            f"shape{factor} = Shape ({picture})",
            f"size{factor} = Gather (shape{factor}, columns_and_rows)",
            f"float_size{factor} = Cast <to = 1> (size{factor})",
            f"span{factor} = Unsqueeze (float_size{factor}, after_columns)",
            f"stretched{factor} = Mul (centre, stretch{factor})",
            f"share{factor} = Div (stretched{factor}, span{factor})",
            f"within{factor} = Sub (share{factor}, one)",
            f"grid{factor} = Where (pixels_ahead, within{factor}, outside)",
            f"pairs{factor} = Transpose <perm = [0, 2, 1]> (grid{factor})",
            f"tall{factor} = Reshape (pairs{factor}, tall)",
            f'looked{factor} = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> '
            f"({picture}, tall{factor})",
            f"apart{factor} = Reshape (looked{factor}, apart)",
            f"taken{factor} = Transpose <perm = [1, 0, 2, 3]> (apart{factor})",
            *_wanted(factor, limit),
            f"weight{factor} = Cast <to = 1> (wanted{factor})",
            f"weights{factor} = Unsqueeze (weight{factor}, after_columns)",
            f"part{factor} = Mul (taken{factor}, weights{factor})",
        ]
    return [*lines, f"seen = Sum ({', '.join(f'part{factor}' for factor in FACTORS)})"]


def _whole(factor: int) -> tuple[str, list[str]]:
    """The name of a shrunk picture in whole grey values, as on the CPU: half of one can move a hidden joint by
    centimetres.

    OpenCV rounds halves up where it shrinks by two, else to even numbers.
    """
    if factor == 1:
        return "picture1", []
    if factor == 2:
        return "whole2", ["raised2 = Add (picture2, half)", "whole2 = Floor (raised2)"]
    return f"whole{factor}", [f"whole{factor} = Round (picture{factor})"]


def _wanted(factor: int, limit: int | None) -> list[str]:
    """Which crops take a factor: those that shrink by as much, and by less than the next."""
    if factor == 1:
        return [f"wanted1 = Less (shrink, factor{limit})"]
    if limit is None:
        return [f"wanted{factor} = GreaterOrEqual (shrink, factor{factor})"]
    return [
        f"enough{factor} = GreaterOrEqual (shrink, factor{factor})",
        f"below{factor} = Less (shrink, factor{limit})",
        f"wanted{factor} = And (enough{factor}, below{factor})",
    ]
