"""torchvision and timm import beside the torch that is installed, whatever build it is."""

import subprocess
import sys

PROGRAM = """
import training.networks.backbones.torchvision_operators
import timm, torch, torchvision
from torchvision.models import resnet18
print(tuple(resnet18().eval()(torch.zeros(1, 3, 64, 64)).shape), timm.is_model("tf_efficientnet_lite0"))
"""


def test_torchvision_and_timm_import_in_a_fresh_process():
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == "(1, 1000) True"
