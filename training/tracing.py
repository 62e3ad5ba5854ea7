"""A torch module as the bytes of an ONNX file with a dynamic batch."""

from __future__ import annotations

import io

import torch
from torch import Tensor, nn
from torch.nn import functional


def trace(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], opset: int = 18) -> bytes:
    """Traces a module.

    The tracing exporter is used rather than the newer one: it writes opset 17 as well, and plainer graphs.

    Args:
        module: in evaluation mode.
        inputs: example inputs by name, in the order of the arguments.
        outputs: names of the outputs.
        opset: of ONNX.
    """
    target = io.BytesIO()
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        target,  # type: ignore[arg-type]
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
        opset_version=opset,
        dynamo=False,
    )
    return target.getvalue()


def crops_to_try(count: int, seed: int = 0, side: int = 256) -> Tensor:
    """(count, 3, side, side) smooth random images in 0..1, for tests and checks that need an input but no picture."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 16, 16, generator=generator)
    return functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
