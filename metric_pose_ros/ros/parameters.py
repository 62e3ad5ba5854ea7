"""The node's parameters, declared as the table in `metric_pose_ros.settings` has them."""

from __future__ import annotations

from dataclasses import Field, fields

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from metric_pose_ros.settings import Settings


def declare(node: Node) -> None:
    """Declares every parameter on the node.

    Raises:
        rclpy.exceptions.ParameterException: if a value from the command line or a file has the wrong type, or is out of
            range.
    """
    for row in fields(Settings):
        node.declare_parameter(row.name, row.default, _descriptor(row))


def read(node: Node) -> Settings:
    """The parameters' values now."""
    return Settings(**{row.name: node.get_parameter(row.name).value for row in fields(Settings)})


def _descriptor(row: Field) -> ParameterDescriptor:
    effect = "when the node is configured"
    if row.metadata["live"]:
        effect = "at the next frame"
    elif row.metadata["read_only"]:
        effect = "when the process starts"
    descriptor = ParameterDescriptor(
        description=row.metadata["text"],
        additional_constraints=f"Takes effect {effect}.",
        read_only=row.metadata["read_only"],
    )
    low, high = row.metadata["low"], row.metadata["high"]
    if isinstance(row.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif low is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor
