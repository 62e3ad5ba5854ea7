"""The whole model: built from a configuration, trained on crops or on maps, exported."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from metric_pose_ros.skeleton import SKELETONS
from training.data.batch import Batch, Target
from training.model_file import cpu_session
from training.networks.disagreement import disagreement
from training.networks.placement import project
from training.networks.pose_model import PoseModel, PoseOutput, build_model
from training.tracing import crops_to_try, trace

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
CONFIG = {
    "backbone": {"name": "blazepose_full", "taps": ["r8", "c16"]},
    "neck": {"width": 16, "blocks": 1},
    "head": {"name": "metrabs"},
    "skeletons": ["coco_17"],
}


def model(**changes) -> PoseModel:
    torch.manual_seed(0)
    return build_model({**copy.deepcopy(CONFIG), **changes})


def cameras(count: int) -> torch.Tensor:
    intrinsics = torch.eye(3).repeat(count, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = torch.linspace(500.0, 1500.0, count)
    intrinsics[:, :2, 2] = 127.5
    return intrinsics


def batch(crops: torch.Tensor | None, features: dict[str, torch.Tensor] | None, joints: int) -> Batch:
    count = 3
    known = torch.ones(count, joints, dtype=torch.bool)
    joints_mm = torch.randn(count, joints, 3, generator=torch.Generator().manual_seed(0)) * 300
    joints_mm[..., 2] += 3000
    px = torch.full((count, joints, 2), 100.0)
    return Batch(crops, features, Target(joints_mm, px, cameras(count), known, known))


def test_crops_and_cached_maps_of_them_give_the_same():
    whole = model().eval()
    crops = crops_to_try(3)
    with torch.no_grad():
        features = whole.features(crops)
        direct, cached = whole.pose(batch(crops, None, 17)), whole.pose(batch(None, features, 17))
        losses = [whole.losses(b, 0.5, torch.rand(3, generator=torch.Generator().manual_seed(1)))
                  for b in (batch(crops, None, 17), batch(None, features, 17))]  # fmt: skip
    assert torch.equal(direct.relative, cached.relative)
    assert losses[0]["total"] == losses[1]["total"] > 0
    assert direct.relative.shape == (3, 17, 3)
    with pytest.raises(ValueError, match="neither crops nor features"):
        whole.pose(batch(None, None, 17))


def test_calibration_moves_people_along_their_rays_and_states_the_uncertainty():
    whole = model().eval()
    crops, intrinsics = crops_to_try(2), cameras(2)
    with torch.no_grad():
        before = whole(crops, intrinsics)
        whole.size.fill_(1.05)
        whole.std_scale.fill_(2.0)
        whole.std_floor_mm.fill_(30.0)
        after = whole(crops, intrinsics)
    assert torch.allclose(after.relative, before.relative * 1.05)
    assert torch.allclose(after.absolute, before.absolute * 1.05)
    assert torch.equal(after.joints2d, before.joints2d)
    assert torch.allclose(after.std, (4 * before.std**2 + 900).sqrt())


def test_a_person_whose_2d_and_3d_readings_are_apart_is_uncertain_in_millimetres():
    intrinsics = torch.tensor([[[500.0, 0, 128], [0, 500, 128], [0, 0, 1]]])
    absolute = torch.tensor([[[0.0, 0, 2000], [400, 0, 2000], [0, 600, 4000], [0, 0, 5000]]])
    seen = project(absolute, intrinsics)
    assert disagreement(seen, absolute, intrinsics).item() == pytest.approx(0, abs=1e-3)
    # 10 px are 40 mm at 2 m and 80 mm at 4 m; the last joint is off by more than counts.
    moved = seen + torch.tensor([[[10.0, 0], [0, 0], [0, -10], [200, 0]]])
    expected = ((40**2 + 80**2 + 500**2) / 4) ** 0.5
    assert disagreement(moved, absolute, intrinsics).item() == pytest.approx(expected, rel=1e-5)

    whole = model().eval()
    crops, cams = crops_to_try(2), cameras(2)
    with torch.no_grad():
        before = whole(crops, cams)
        whole.std_disagreement.fill_(0.5)
        after = whole(crops, cams)
    apart = disagreement(before.joints2d, before.absolute, cams)
    assert torch.allclose(after.std, (before.std**2 + (0.5 * apart) ** 2).sqrt())


def test_several_skeletons_stand_one_after_the_other():
    both = model(skeletons=["coco_17", "h36m_17"]).eval()
    with torch.no_grad():
        output = both(crops_to_try(1), cameras(1))
    assert output.relative.shape == (1, 34, 3)
    assert both.space.indices("h36m_17").tolist() == list(range(17, 34))


def test_the_folded_model_and_its_onnx_file_equal_the_model():
    whole = model().train()
    for seed in range(3):
        whole.read(whole.features(crops_to_try(4, seed)))
    folded, whole = whole.fold(), whole.eval()
    file = trace(folded, {"crops": crops_to_try(1), "intrinsics": cameras(1)}, PoseOutput._fields)
    crops, intrinsics = crops_to_try(3, seed=9), cameras(3)
    with torch.no_grad():
        expected, of_folded = whole(crops, intrinsics), folded(crops, intrinsics)
    found = cpu_session(file).run(None, {"crops": crops.numpy(), "intrinsics": intrinsics.numpy()})
    for value, other, third in zip(expected, of_folded, found, strict=True):
        assert np.abs(value.numpy() - other.numpy()).max() < 0.05
        assert np.abs(value.numpy() - third).max() < 0.05


@pytest.mark.parametrize("name", ["heavy", "fast"])
def test_the_shipped_configurations_build(name):
    config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())["model"]
    built = build_model(config, with_weights=False)
    assert built.stride == 16
    assert built.space.skeletons == (SKELETONS["body_30"],)
    assert sum(p.numel() for p in built.head.parameters()) == 270 * (config["neck"]["width"] + 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": {"name": "vgg"}}, "no backbone 'vgg'; there are blazepose_heavy"),
        ({"backbone": {"name": "blazepose_full", "stride": 8}}, "blazepose_full has no option stride; it has weights"),
        ({"head": {"name": "fc"}}, "no head 'fc'; there are metrabs"),
        ({"head": {"name": "metrabs", "stages": 2}}, "metrabs has no option stages; it has depth, cells, losses"),
        ({"width": 3}, "unknown width; it consists of backbone, head, skeletons"),
        ({"skeletons": ["octopus_8"]}, "octopus_8"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_there_is(changes, message):
    with pytest.raises(ValueError, match=message):
        model(**changes)
