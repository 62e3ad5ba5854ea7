"""The `metric-pose` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from metric_pose_ros.commands import bag, doctor, engine, predict, view
from metric_pose_ros.engines.failures import EngineFailure

_COMMANDS = (predict, bag, view, engine, doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands.

    Args:
        arguments: of the command line; the process' own if not given.

    Returns:
        The exit status: 0 if all went well, 1 if a check failed, 2 if the input or an engine cannot be used.
    """
    parser = argparse.ArgumentParser(prog="metric-pose", description="Where people stand, in metres, from one camera.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen)
    except (ValueError, OSError, EngineFailure) as error:
        print(f"metric-pose {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
