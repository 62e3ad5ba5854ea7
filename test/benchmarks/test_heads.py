"""What the memory numbers of heads count."""

import pytest
import torch

from test.benchmarks.heads import soft_argmax_bytes
from training.head_cost import kept_bytes
from training.joint_space import JointSpace
from training.networks.heads.build import build_head


def test_memory_that_is_kept_is_counted_once_and_given_memory_not_at_all():
    x = torch.rand(1000, requires_grad=True)
    y = torch.rand(1000)
    assert kept_bytes(lambda: x.exp(), [x]) == 4000  # exp keeps its result
    assert kept_bytes(lambda: x * y, [x]) == 4000
    assert kept_bytes(lambda: x * y, [x, y]) == 0
    assert kept_bytes(lambda: (z := x.exp()) * z, [x]) == 4000  # one result, read twice more


def test_three_maps_a_joint_keep_less_than_a_volume():
    space, features = JointSpace.from_names(["coco_17"]), torch.randn(8, 8, 16, 16)
    found = {}
    for name, options in (("integral", {"depth": 16}), ("margipose", {"stages": 1, "width": 16})):
        found[name] = soft_argmax_bytes(build_head({"name": name, **options}, 8, 16, space, 256, 2200.0), features)
    # Softmax keeps its result: 17 joints of 16 x 16 x 16 cells of 4 bytes, against three of 16 x 16.
    assert found["integral"] == pytest.approx(8 * 17 * 16**3 * 4, rel=0.05)
    assert found["margipose"] < 0.35 * found["integral"]
