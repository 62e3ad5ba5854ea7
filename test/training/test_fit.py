"""Training runs that are killed, stopped, cut into pieces and shared: all come to the same end."""

import os
import signal
import time

import numpy as np
import pytest
import torch

from test.training.fit_runs import as_process_of, checkpoint, configuration, curve, free_port, run_fit, start
from training.checkpoint import load_model
from training.fitting import training_run
from training.fitting.fit_settings import FitSettings, build_fabric, devices_and_nodes
from training.fitting.training_run import Run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def whole(figures, tmp_path_factory):
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert run_fit(configuration(figures), out, small_checkpoint=True) == 0
    return out


def assert_same(out, whole):
    assert curve(out) == curve(whole)
    one, other = checkpoint(out), checkpoint(whole)
    assert one["step"] == other["step"] == 10
    for part in ("model", "average"):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), name
    for number, state in one["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, other["optimizer"]["state"][number][name]), name


def killed_in_a_step(config, out):
    steps = []
    train_step = Run.train_step

    def step_or_die(self, batch):
        steps.append(self.step)
        if len(steps) == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return train_step(self, batch)

    Run.train_step = step_or_die
    run_fit(config, out)


def killed_while_writing(config, out):
    written = []
    write = training_run.write_checkpoint

    def write_or_die(path, state):
        written.append(path)
        if len(written) == 6:
            path.with_suffix(".partial").write_bytes(b"half a checkpoint")
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, state)

    training_run.write_checkpoint = write_or_die
    run_fit(config, out)


@pytest.mark.parametrize("killed", [killed_in_a_step, killed_while_writing])
def test_a_killed_run_goes_on_to_the_same_curve_and_weights(figures, whole, tmp_path, killed):
    process = start(killed, configuration(figures), tmp_path / "run")
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert checkpoint(tmp_path / "run")["step"] in (5, 6)
    assert run_fit(configuration(figures), tmp_path / "run") == 0
    assert_same(tmp_path / "run", whole)


def test_a_run_in_pieces_of_a_time_limit_comes_to_the_same_end(figures, whole, tmp_path, capsys):
    for step in range(1, 4):  # a limit of no time lets one step happen
        assert run_fit(configuration(figures), tmp_path / "run", time_limit_minutes=0) == 0
        assert checkpoint(tmp_path / "run")["step"] == step
        assert f"step {step} of 10, stopped by the time limit" in capsys.readouterr().out
    assert run_fit(configuration(figures), tmp_path / "run") == 0
    assert_same(tmp_path / "run", whole)
    assert run_fit(configuration(figures), tmp_path / "run") == 0
    assert "nothing was left to do" in capsys.readouterr().out


def test_sigterm_ends_a_run_with_a_checkpoint(figures, whole, tmp_path):
    process = start(run_fit, configuration(figures, checkpoint_every_s=1000), tmp_path / "run")
    board = tmp_path / "run" / "tensorboard"  # appears just before the first step
    while process.is_alive() and not board.exists():
        time.sleep(0.02)
    process.terminate()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    assert 1 <= checkpoint(tmp_path / "run")["step"] <= 10
    assert run_fit(configuration(figures), tmp_path / "run") == 0
    assert_same(tmp_path / "run", whole)


def test_the_averaged_model_comes_back_from_checkpoints_large_and_small(whole):
    model, config = load_model(whole / "last.ckpt")
    assert not model.training
    assert (config["step"], config["name"]) == (10, "small")
    state = checkpoint(whole)
    assert torch.equal(model.head.output.weight, state["average"]["head.output.weight"])
    assert not torch.equal(model.head.output.weight, state["model"]["head.output.weight"])
    small, _ = load_model(whole / "small.ckpt")
    assert (whole / "small.ckpt").stat().st_size < 0.25 * (whole / "last.ckpt").stat().st_size
    crops, intrinsics = torch.rand(1, 3, 64, 64), torch.tensor([[[80.0, 0, 31.5], [0, 80, 31.5], [0, 0, 1]]])
    with torch.no_grad():
        one, other = model(crops, intrinsics), small(crops, intrinsics)
    assert other.relative.numpy() == pytest.approx(one.relative.numpy(), abs=5)


def test_two_processes_make_of_a_batch_what_one_makes(figures, tmp_path):
    # The statistics of a batch are the one thing that processes do not share. Two steps only, and no Adam: rounding
    # that grows from step to step is no matter here.
    config = configuration(
        figures,
        batch_norm="frozen",
        optimizer={"name": "sgd", "rate": 0.05},
        steps=2,
        validate_every=1,
        pictures_every=0,
    )
    config["model"]["head"]["absolute_after"] = 0.0
    config["data"]["workers"] = 0
    assert run_fit(config, tmp_path / "alone") == 0
    port = free_port()
    both = [start(as_process_of, rank, 2, port, config, tmp_path / "both") for rank in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    alone, shared = curve(tmp_path / "alone"), curve(tmp_path / "both")
    assert [row["step"] for row in shared] == [1, 2]
    for one, other in zip(alone, shared, strict=True):
        assert other == pytest.approx(one, rel=1e-5, abs=2e-5)
    one, other = checkpoint(tmp_path / "alone"), checkpoint(tmp_path / "both")
    for name, value in one["model"].items():
        assert torch.allclose(value, other["model"][name], atol=1e-5), name


def refused_as_process_of(rank, port, config, out):
    try:
        as_process_of(rank, 2, port, config, out)
    except ValueError as error:
        (out / "refused").write_text(str(error))


def test_a_process_that_does_not_see_the_others_checkpoint_ends_the_run(figures, whole, tmp_path):
    config, port = configuration(figures), free_port()
    folders = [tmp_path / f"machine{rank}" for rank in range(2)]
    for folder in folders:
        folder.mkdir()
    (folders[0] / "last.ckpt").write_bytes((whole / "last.ckpt").read_bytes())
    both = [start(refused_as_process_of, rank, port, config, folder) for rank, folder in enumerate(folders)]
    for process in both:
        process.join()
    for folder in folders:
        assert "find the steps [10, 0]: --out must be one folder" in (folder / "refused").read_text()


def test_a_frozen_backbone_stays_as_it_is_and_the_rest_learns(figures, tmp_path):
    config = configuration(figures, freeze_backbone=True, steps=2)
    assert run_fit(config, tmp_path / "frozen") == 0
    torch.manual_seed(config["fit"]["seed"])
    untrained = training_run.build_model(config["model"]).state_dict()
    state = checkpoint(tmp_path / "frozen")
    for name, value in state["model"].items():
        same = torch.equal(value, untrained[name])
        assert same == (name.startswith("backbone.") or name.startswith("std_")), name
    assert not any(name.startswith("backbone.") for name in state["average"])


def test_a_second_stage_begins_with_the_first_ones_weights_and_trains_the_layers_that_are_not_frozen(
    figures, whole, tmp_path
):
    frozen = ["stem*", "stages.0.*", "*.depthwise.*"]
    config = configuration(
        figures, start_from=str(whole / "last.ckpt"), frozen=frozen, precision="bf16-mixed", steps=2, average=0.0,
        optimizer={"name": "adamw", "rate": 1e-3, "backbone_relative_rate": 2e-3},
    )  # fmt: skip
    # A machine that only goes on from a checkpoint needs no file of the backbone's weights.
    config["model"]["backbone"]["weights"] = str(tmp_path / "nowhere")
    assert run_fit(config, tmp_path / "tuned") == 0
    first, tuned = load_model(whole / "last.ckpt")[0], load_model(tmp_path / "tuned" / "last.ckpt")[0]
    pairs = zip(first.backbone.named_parameters(), tuned.backbone.parameters(), strict=True)
    moved = {name: (after - before).abs().max().item() for (name, before), after in pairs}
    assert all(moved[name] == 0 for name in moved if name.startswith(("stem", "stages.0.")) or ".depthwise." in name)
    # Adam's first steps are as long as the learning rate, so this far from the start only if it was the start.
    size = first.backbone.get_parameter("stages.2.4.project.weight").abs().median().item()
    assert 0 < moved["stages.2.4.project.weight"] <= 2.1 * 2e-3 * size
    assert moved["reductions.0.project.bias"] > 0
    assert run_fit(config, tmp_path / "pieces", time_limit_minutes=0) == 0
    assert run_fit(config, tmp_path / "pieces") == 0
    pieces = load_model(tmp_path / "pieces" / "last.ckpt")[0].state_dict()
    assert all(torch.equal(value, pieces[name]) for name, value in tuned.state_dict().items())


def test_settings_that_do_not_exist_are_named(figures, tmp_path):
    with pytest.raises(ValueError, match="the unknown learning_rate; it knows"):
        run_fit(configuration(figures, learning_rate=1), tmp_path / "a")
    config = configuration(figures)
    config["data"]["shards"] = "out/shards"
    with pytest.raises(ValueError, match="the data section has shards"):
        run_fit(config, tmp_path / "b")


def test_losses_that_explode_end_the_run_with_advice(figures, tmp_path):
    config = configuration(figures, optimizer={"name": "sgd", "rate": 1e30}, clip_gradient=0)
    with pytest.raises(FloatingPointError, match=r"lower fit\.optimizer\.rate"):
        run_fit(config, tmp_path / "run")


def test_tensorboard_has_curves_and_pictures(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(whole / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    rows = curve(whole)
    found = [event.value for event in board.Scalars("validation/mpjpe")]
    assert np.round(found, 2) == pytest.approx([row["mpjpe"] for row in rows], abs=0.01)
    assert [event.step for event in board.Images("predictions")] == [5, 10]


def test_half_precision_means_nearly_the_same_losses(figures, tmp_path):
    for precision in ("32-true", "bf16-mixed"):
        config = configuration(figures, precision=precision, steps=2, validate_every=1, pictures_every=0)
        assert run_fit(config, tmp_path / precision) == 0
    exact, rounded = curve(tmp_path / "32-true"), curve(tmp_path / "bf16-mixed")
    assert rounded[0]["loss_total"] == pytest.approx(exact[0]["loss_total"], rel=0.02)
    assert rounded[0]["loss_total"] != exact[0]["loss_total"]
    weights = checkpoint(tmp_path / "bf16-mixed")["model"].values()
    assert {value.dtype for value in weights if value.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize(
    ("devices", "environment", "expected"),
    [
        (3, {}, (3, 1)),
        ("auto", {"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
        (1, {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_STEP_ID": "0"}, (4, 2)),
        ("auto", {"SLURM_NTASKS": "8", "SLURM_NNODES": "2"}, ("auto", 1)),  # sbatch without srun: one process
    ],
)
def test_torchrun_and_slurm_say_how_many_processes_there_are(monkeypatch, devices, environment, expected):
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_NNODES", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert devices_and_nodes(FitSettings(steps=1, batch=1, devices=devices)) == expected


@pytest.mark.parametrize(("amx", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_cpu_without_amx_trains_in_float32_and_says_so(monkeypatch, caplog, amx, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx})
    fabric = build_fabric(FitSettings(steps=1, batch=1, precision="bf16-mixed", accelerator="cpu"))
    assert fabric._precision.precision == precision
    assert ("no AMX" in caplog.text) == (not amx)


def test_devices_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="expected auto, a number, or GPUs"):
        build_fabric(FitSettings(steps=1, batch=1, devices="many", accelerator="cpu"))
