"""The renderer: coverage and depth of triangles, irradiance, rooms and shadows, each against plain geometry."""

import numpy as np
import pytest
import torch

from training.synthesis.light import SHADOW_PIXELS, Panorama, shadow_views
from training.synthesis.renderer_cpu import rasterize, vertex_normals
from training.synthesis.renderer_cpu_places import darken_ground, shade_room
from training.synthesis.shading_cpu import irradiance
from training.synthesis.solids import build_solids


def test_a_triangle_covers_the_pixels_whose_centres_lie_inside():
    corners = np.array([[2.2, 1.1, 1], [28.7, 6.3, 1], [9.4, 27.9, 1]], np.float32)
    triangle, barycentric, nearness = rasterize(corners, np.array([[0, 1, 2]], np.int32), 32, 32)
    y, x = np.mgrid[:32, :32] + 0.5
    inside = np.ones((32, 32), bool)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        edge = corners[b] - corners[a]
        inside &= edge[0] * (y - corners[a, 1]) - edge[1] * (x - corners[a, 0]) >= 0
    assert np.array_equal(triangle == 0, inside)
    weights = barycentric[inside]
    mixed = (1 - weights.sum(1))[:, None] * corners[0] + weights[:, :1] * corners[1] + weights[:, 1:] * corners[2]
    assert mixed[:, :2] == pytest.approx(np.stack([x, y], -1)[inside], abs=1e-3)
    assert nearness[inside] == pytest.approx(1)


def test_the_nearer_triangle_wins_and_weights_are_correct_in_perspective():
    # A floor strip from depth 1 to depth 4; half way up the picture the depth is the harmonic mean.
    depth = np.array([1, 1, 4.0])
    corners = np.column_stack([[0, 40, 20], [40, 40, 0], 1 / depth]).astype(np.float32)
    far = np.column_stack([[0, 40, 20], [40, 40, 0], [0.1] * 3]).astype(np.float32)
    faces = np.array([[3, 4, 5], [0, 1, 2]], np.int32)
    triangle, barycentric, nearness = rasterize(np.concatenate([corners, far]), faces, 40, 40)
    assert set(np.unique(triangle)) == {-1, 1}
    t = (40 - 19.5 - 0.5 + 0.5) / 40
    assert 1 / nearness[19, 20] == pytest.approx(1 / (1 - t + t / 4), rel=0.02)
    assert barycentric[19, 20, 1] == pytest.approx((t / 4) / (1 - t + t / 4), rel=0.03)


def test_what_is_behind_the_camera_is_not_drawn():
    corners = np.array([[0, 0, -1], [30, 0, 1], [0, 30, 1]], np.float32)
    assert (rasterize(corners, np.array([[0, 1, 2]], np.int32), 32, 32)[0] == -1).all()


def box(centre, size, heading):
    """The triangles of one box."""
    return build_solids(np.array([centre], float), np.array([size], float), np.array([heading]), np.array([0]))


def test_normals_of_a_box_point_outwards():
    solids = box([1.0, 2, 3], [2.0, 4, 6], 0.4)
    normals = vertex_normals(solids.vertices, solids.faces)
    outwards = solids.vertices - np.array([1.0, 2, 3])
    assert ((normals * outwards).sum(1) > 0).all()
    assert ((solids.normals * outwards[solids.faces[:, 0]]).sum(1) > 0).all()
    volume = (
        np.einsum("fi,fi->", outwards[solids.faces[:, 0]], np.cross(*outwards[solids.faces[:, 1:]].transpose(1, 0, 2)))
        / 6
    )
    assert volume == pytest.approx(48, rel=1e-5)


def test_even_light_from_everywhere_is_the_same_for_every_normal():
    sky = Panorama.from_pixels("white", np.ones((64, 128, 3), np.float32)).harmonics
    rng = np.random.default_rng(0)
    values = []
    for normal in rng.normal(size=(30, 3)):
        x, y, z = normal / np.linalg.norm(normal)
        values.append(irradiance(sky, 0, x, y, z))
    assert np.ptp(values) < 0.01 * np.mean(values)


def test_light_from_above_lights_what_faces_up_and_the_sun_is_found():
    pixels = np.full((64, 128, 3), 0.05, np.float32)
    pixels[:20] = 1
    pixels[16, 32] = 500  # polar angle 46 degrees, azimuth 91 degrees
    panorama = Panorama.from_pixels("noon", pixels)
    assert irradiance(panorama.harmonics, 1, 0.0, 0.0, 1.0) > 3 * irradiance(panorama.harmonics, 1, 0.0, 0.0, -1.0)
    assert panorama.sun == pytest.approx([0, 0.725, 0.69], abs=0.05)


def test_a_shadow_falls_away_from_the_sun():
    solids = box([0, 0, 0.5], [0.4, 0.4, 1.0], 0.0)
    sun = torch.tensor([[1.0, 0, 1.0]]) / np.sqrt(2)
    to_shadow = shadow_views(torch.from_numpy(solids.vertices)[None], sun.float())[0].numpy()
    points = solids.vertices @ to_shadow[:, :3].T + to_shadow[:, 3]
    _, _, nearness = rasterize(points, solids.faces, SHADOW_PIXELS, SHADOW_PIXELS)
    # A camera 10 m above looks straight down: picture right is +x, picture up is +y.
    down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    ground = np.ones((100, 100, 3), np.float32)
    darken_ground(ground, 0.0, np.array([0, 0, 10.0]), down, 200.0, 50.0, 50.0, nearness, to_shadow, 1.0)
    assert ground[50, 38, 0] < 0.2  # 0.6 m towards -x, away from the sun
    assert ground[50, 62, 0] == 1
    assert ground[20, 50, 0] == 1


def test_a_room_shows_floor_below_and_wall_ahead_where_geometry_says():
    level = np.array([[0, -1.0, 0], [0, 0, -1], [1, 0, 0]], np.float32)  # looks along +x
    textures = np.stack([np.full((8, 8, 3), value, np.float32) for value in (0.2, 0.5, 0.8)])
    ones = np.ones((3, 3), np.float32)
    picture = shade_room(
        100, 100, 50.0, 50.0, 50.0, level, np.array([0, 0, 1.0], np.float32), np.array([-1, -9, 0], np.float32),
        np.array([4, 9, 3], np.float32), textures, ones, np.ones(3, np.float32), np.ones(6, np.float32),
    )  # fmt: skip
    # The wall 4 m ahead meets the floor 1 m below the eye 50 * 1 / 4 pixels below the middle; skirting: 9 cm more.
    assert picture[55, 50, 0] == pytest.approx(0.5)
    assert picture[61, 50, 0] == pytest.approx(0.3)
    assert picture[63, 50, 0] == pytest.approx(0.2)
    assert picture[20, 50, 0] == pytest.approx(0.8)
