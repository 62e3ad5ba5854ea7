"""A node's parameters, declared as a table such as `metric_pose_ros.settings.Settings` has them."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from metric_pose_ros.settings import Settings

Table = TypeVar("Table")


def declare(node: Node, table: type[Any] = Settings) -> None:
    """Declares every parameter of a table on the node.

    Args:
        node: that has them.
        table: dataclass whose fields are made by `metric_pose_ros.settings.parameter`.

    Raises:
        rclpy.exceptions.ParameterException: if a value from the command line or a file has the wrong type, or is out of
            range.
    """
    for row in fields(table):
        node.declare_parameter(row.name, row.default, _descriptor(row))


def read(node: Node) -> Settings:
    """The values now of the parameters in `Settings`."""
    return read_table(node, Settings)


def read_table(node: Node, table: type[Table]) -> Table:
    """The values now of the parameters in a table."""
    return table(**{row.name: node.get_parameter(row.name).value for row in fields(table)})  # type: ignore[arg-type]


def effect(row: Field) -> str:
    """When a change of a parameter takes effect, in words."""
    if row.metadata["live"]:
        return "at the next frame"
    return "when the process starts" if row.metadata["read_only"] else "when the node is configured"


def _descriptor(row: Field) -> ParameterDescriptor:
    marks = row.metadata
    descriptor = ParameterDescriptor(
        description=marks["text"],
        additional_constraints=f"Takes effect {effect(row)}.",
        read_only=marks["read_only"],
        dynamic_typing=marks["any_type"],
    )
    if marks["low"] is None:
        return descriptor
    if isinstance(row.default, float):
        limits = FloatingPointRange(from_value=float(marks["low"]), to_value=float(marks["high"]))
        descriptor.floating_point_range = [limits]
    else:
        descriptor.integer_range = [IntegerRange(from_value=int(marks["low"]), to_value=int(marks["high"]), step=1)]
    return descriptor
