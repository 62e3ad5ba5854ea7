"""Makes torchvision, and timm which needs it, import beside any build of torch.

torchvision's compiled operators are built for one build of torch; beside another one (say, PyPI's torchvision beside
torch for CPUs) they do not load, and torchvision then fails on import where it describes their shapes. None of our
networks uses them: it is enough that they are declared. Import this module before torchvision or timm.
"""

from __future__ import annotations

import importlib.metadata

import torch

_OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing() -> torch.library.Library | None:
    """Declares the operators that torchvision describes if its compiled part does not load.

    Returns:
        what holds the declarations, which end with it; None if nothing was missing.

    Raises:
        ImportError: if torchvision is not installed.
    """
    try:
        library = importlib.metadata.distribution("torchvision").locate_file("torchvision/_C.so")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError("torchvision is not installed: `pip install -r requirements/training.txt`") from None
    try:
        torch.ops.load_library(str(library))
    except OSError:
        declarations = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _OPERATORS.values():
            declarations.define(schema)
        return declarations
    return None


DECLARATIONS = declare_missing()
