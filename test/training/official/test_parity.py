"""The official network, against what the authors' own code computed with the same weights and images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from metric_pose_ros.skeleton import Skeleton
from test.training.official.reference import SIZES, Reference
from training.networks.heads.metrabs import MetrabsHead
from training.networks.official import OfficialMetrabs, reordered
from training.networks.official_placement import in_view, place_as_authors
from training.networks.official_release import Release, Settings


class Network:
    """A reference beside our network with its weights, and what that makes of the reference's images."""

    def __init__(self, name: str) -> None:
        self.reference = Reference(name)
        self.model = official(self.reference)
        whole = self.model.network
        assert isinstance(whole.head, MetrabsHead)
        with torch.no_grad():
            features = whole.features(self.reference.crops())
            self.features = whole.neck(features)
            self.logits = whole.head.output(self.features)
            self.reading = whole.read(features)


def official(reference: Reference) -> OfficialMetrabs:
    settings = Settings(
        reference.size, reference.side, centered_stride=not reference.legacy, legacy_bug=reference.legacy
    )
    names = tuple(f"joint_{number}" for number in range(reference.joints))
    everything = Skeleton("all", names, ())
    return OfficialMetrabs(
        Release(settings, names, None, everything, ((list(range(len(names))), everything),), reference.weights())
    ).eval()


def largest(difference: Tensor) -> float:
    return float(difference.abs().max())


@pytest.fixture(scope="module", params=SIZES)
def network(request: pytest.FixtureRequest) -> Network:
    return Network(request.param)


def test_features_have_the_same_mean_and_spread_in_every_channel(network: Network) -> None:
    assert largest(network.features.mean((2, 3)) - network.reference.tensor("features_mean")) < 1e-5
    assert largest(network.features.std((2, 3)) - network.reference.tensor("features_std")) < 1e-5


def test_logits_agree_to_one_in_a_thousand(network: Network) -> None:
    expected = network.reference.tensor("logits")
    ours = reordered(expected.transpose(0, 1), network.reference.joints, list(range(network.reference.joints)))
    assert largest(network.logits - ours.transpose(0, 1)) < 1e-5 * largest(expected)


def test_joints_in_the_image_and_relative_joints_agree(network: Network) -> None:
    found = network.reading
    assert largest(found.joints2d - network.reference.tensor("coords2d")) < 0.01  # px
    assert largest(found.relative - network.reference.tensor("coords3d_rel")) < 0.05  # mm


@pytest.mark.parametrize("coupled", [True, False])
def test_absolute_poses_of_noise_agree_to_one_in_ten_thousand(network: Network, coupled: bool) -> None:
    network.model.coupled = coupled
    found = network.model.output(network.reading, network.reference.tensor("intrinsics")).absolute
    assert found is not None
    expected = network.reference.tensor("abs_batch" if coupled else "abs_single")
    assert largest((found - expected).norm(dim=-1) / expected.norm(dim=-1)) < 1e-4


@pytest.mark.parametrize("coupled", [True, False])
@pytest.mark.parametrize("name", SIZES)
def test_absolute_poses_of_people_agree_to_a_hundredth_of_a_millimetre(name: str, coupled: bool) -> None:
    reference = Reference(name)
    found = place_as_authors(
        reference.tensor("syn_coords2d"), reference.tensor("syn_rel"), reference.tensor("syn_K"), reference.side, 32,
        centered_stride=not reference.legacy, coupled=coupled,
    )  # fmt: skip
    assert largest(found - reference.tensor("syn_abs_batch" if coupled else "syn_abs_single")) < 0.01


@pytest.mark.parametrize("name", SIZES)
def test_the_same_joints_count_as_in_view(name: str) -> None:
    reference = Reference(name)
    found = in_view(reference.tensor("syn_coords2d"), reference.side, 32, not reference.legacy)
    assert torch.equal(found, reference.tensor("syn_in_fov"))
