"""People over time in 3D for the viewer Rerun: a file, its window, or a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.markers import CYLINDER, LINE_LIST, SPHERE, points_of

os.environ.setdefault("RERUN_ANALYTICS", "0")  # before rerun is imported: nothing is sent anywhere

import rerun as rr
import rerun.blueprint as views


class Scene:
    """Camera, image and skeletons over the time of the images.

    The viewer knows cameras without distortion only: over images of a strong lens, skeletons are a little off in its
    picture, never in space.

    Args:
        stream: that leads to a file or a viewer.
    """

    def __init__(self, stream: rr.RecordingStream) -> None:
        self._stream = stream
        stream.log("camera", rr.ViewCoordinates.RDF, static=True)
        space = views.Spatial3DView(origin="/camera", name="people")
        picture = views.Spatial2DView(origin="/camera/image", name="camera")
        stream.send_blueprint(views.Blueprint(views.Horizontal(space, picture, column_shares=[3, 2])))

    @classmethod
    def saved(cls, path: Path) -> Scene:
        """A scene that is written to a file, ending in ``.rrd``."""
        stream = rr.RecordingStream("metric_pose_ros")
        stream.save(path)
        return cls(stream)

    @classmethod
    def in_window(cls) -> Scene:
        """A scene in the viewer's window, which stays when the program ends."""
        stream = rr.RecordingStream("metric_pose_ros")
        stream.spawn(hide_welcome_screen=True)
        return cls(stream)

    @classmethod
    def in_browser(cls, port: int, data_port: int) -> tuple[Scene, str]:
        """A scene that browsers see while the program runs, and its address.

        Args:
            port: TCP port of the page.
            data_port: TCP port from which the page takes what there is to see.
        """
        stream = rr.RecordingStream("metric_pose_ros")
        data = stream.serve_grpc(grpc_port=data_port)
        rr.serve_web_viewer(web_port=port, open_browser=False, connect_to=data)
        return cls(stream), f"http://localhost:{port}/?url={data.replace('+', '%2B')}"

    def camera(self, camera: Camera) -> None:
        """Says what the camera sees."""
        pinhole = rr.Pinhole(
            image_from_camera=camera.K, resolution=[camera.width, camera.height], image_plane_distance=0.5
        )
        self._stream.log("camera/image", pinhole, static=True)

    def image(self, seconds: float, file: bytes) -> None:
        """Shows a picture, the bytes of a JPEG or PNG file, from `seconds` on."""
        self._stream.set_time("camera", duration=seconds)
        kind = "image/png" if file.startswith(b"\x89PNG") else "image/jpeg"
        self._stream.log("camera/image", rr.EncodedImage(contents=file, media_type=kind))

    def markers(self, seconds: float, message: Any) -> None:
        """Shows a MarkerArray from `seconds` on, deletions included."""
        self._stream.set_time("camera", duration=seconds)
        for marker in message.markers:
            place = f"camera/{marker.ns}/p{marker.id}"
            self._stream.log(place, rr.Clear(recursive=False) if marker.action else _shape(marker))

    def close(self) -> None:
        """Finishes the file, or lets the viewer go."""
        self._stream.flush()
        self._stream.disconnect()


def _shape(marker: Any) -> rr.AsComponents:
    """What a marker of `metric_pose_ros.messages.markers` looks like in Rerun."""
    colour = [marker.color.r, marker.color.g, marker.color.b, marker.color.a]
    points, size = points_of(marker), marker.scale
    at, turn = marker.pose.position, marker.pose.orientation
    if marker.type == LINE_LIST:
        return rr.LineStrips3D(points.reshape(-1, 2, 3), colors=colour, radii=size.x / 2)
    if len(points):
        return rr.Points3D(points, colors=colour, radii=size.x / 2)
    where, turned = [[at.x, at.y, at.z]], [rr.Quaternion(xyzw=[turn.x, turn.y, turn.z, turn.w])]
    if marker.type == SPHERE:
        half = [[size.x / 2, size.y / 2, size.z / 2]]
        return rr.Ellipsoids3D(centers=where, half_sizes=half, quaternions=turned, colors=colour)
    if marker.type == CYLINDER:
        return rr.Cylinders3D(centers=where, lengths=size.z, radii=size.x / 2, quaternions=turned, colors=colour)
    return rr.Points3D(where, labels=[marker.text], radii=0.005)
