"""`python -m training COMMAND`: one subcommand a file; each is imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys

COMMANDS = {
    "synthesize": ("training.synthesis.command", "render synthetic people into shards"),
    "fetch-assets": ("training.synthesis.fetch_assets", "fetch lights, backgrounds and motions for synthesize"),
    "fetch-trunk": ("training.networks.backbones.blazepose_weights", "fetch the networks that training starts from"),
    "convert": ("training.data.convert", "turn a data set, as distributed, into shards"),
    "label": ("training.data.label", "let a pose network label pictures and videos, into shards"),
    "cache": ("training.data.features", "run a frozen trunk over shards once, for heads to train on"),
    "fit": ("training.fit", "train a pose network on shards"),
    "evaluate": ("training.evaluate", "measure a pose network"),
    "domain-gap": ("training.domain_gap.command", "see what pose networks say of real people, beside other witnesses"),
    "import-official": ("training.import_official", "turn a network of the MeTRAbs authors into a model file"),
    "compare-heads": ("training.compare_heads", "train and measure the heads of the papers side by side"),
    "export": ("training.export", "write a trained network as ONNX"),
}
"""Subcommand -> (module with `add_arguments(parser)` and `main(arguments) -> int`, what it does)."""


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m training", description="Train pose networks on people made here.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if argv and argv[0] == name:
            module = importlib.import_module(module_name)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.main)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
