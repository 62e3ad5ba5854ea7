"""What backbones from torchvision and timm have in common: files of weights, and the colours they were trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Colours(nn.Module):
    """Brings RGB in 0..1 to the mean and the standard deviation that a network expects."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..1 to the same, normalised."""
        return (crops - self.mean) / self.std


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict of a ``.safetensors`` file or of ``torch.save``; nothing in the file is executed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}: expected a .safetensors file or a state dict of torch.save")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict: expected names and tensors")
    return state


def load_named(network: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Fills a network by name; what the file has beyond it, such as a classifier, is not looked at.

    Raises:
        ValueError: if tensors are missing or have other shapes.
    """
    wanted = network.state_dict()
    wrong = [name for name, value in wanted.items() if name not in state or state[name].shape != value.shape]
    if wrong:
        raise ValueError(
            f"{where} has not the weights of this network: {len(wrong)} of {len(wanted)} tensors are missing or have "
            f"another shape ({', '.join(wrong[:3])}); is it the same architecture?"
        )
    network.load_state_dict({name: state[name] for name in wanted})
