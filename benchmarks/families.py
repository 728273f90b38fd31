"""Every family, exported, against PyTorch with the same network: ``python -m benchmarks.families [--json] [NAME ...]``.

Prints how many times faster onnxruntime is than PyTorch's eager mode with our own network, timed in turn at batch 1 and
at widths that people train. Weights are random: they do not change the speed. ``--devices cpu openvino`` adds a column
for every device that is installed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import states
from benchmarks.pairs import in_turn, machine
from benchmarks.sessions import session_of
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network, StateDict
from tests.models import test_animegan2, test_fast_neural_style, test_lightweight_gan, test_mlp, translators
from tests.models.stylegan2_reference import discriminator_state, generator_state, mapping_state
from tests.models.stylegan3_reference import synthesis_state
from tests.models.test_dcgan import example_discriminator, example_generator, state_of

THREADS = 2
SIDE = 256
"""Of the pictures that style networks get, unless said otherwise."""

_STYLEGAN = (512, 512, 512, 512, 256, 128, 64)
"""Channels from 4 to 256 pixels: half of NVIDIA's widest configuration above 32 pixels."""

_STYLEGAN3 = (512, 512, 512, 512, 512, 406, 323, 256, 256, 256, 203, 161, 128, 128)

NETWORKS: Mapping[str, tuple[str, Callable[[], StateDict]]] = {
    "StyleGAN2 256 (NVIDIA)": (
        "stylegan2",
        lambda: mapping_state(512, 512, depth=8) | generator_state("skip", _STYLEGAN, w_dim=512),
    ),
    "StyleGAN2 256 (rosinality)": ("stylegan2-rosinality", lambda: states.rosinality(_STYLEGAN)),
    "StyleGAN2 256 discriminator": (
        "stylegan2-scorer",
        lambda: discriminator_state("resnet", tuple(reversed(_STYLEGAN))),
    ),
    "StyleGAN3-T 64": (
        "stylegan3",
        lambda: mapping_state(512, 512) | synthesis_state(64, _STYLEGAN3, w_dim=512),
    ),
    "R3GAN 64": ("r3gan", states.r3gan),
    "FastGAN 256": ("fastgan", lambda: states.fastgan(256)),
    "Projected GAN 256": (
        "projected-fastgan",
        lambda: states.fastgan(256, prefix="synthesis.", every_block_double=True),
    ),
    "lightweight-gan 256": (
        "lightweight-gan",
        lambda: test_lightweight_gan.generator_state((512, 512, 256, 128, 64, 32)),
    ),
    "DCGAN 64": ("dcgan", lambda: state_of(example_generator(100, (512, 256, 128, 64), 3))),
    "DCGAN 64 discriminator": ("dcgan-scorer", lambda: state_of(example_discriminator(3, (64, 128, 256, 512)))),
    "MLP GAN 28": ("mlp-gan", lambda: test_mlp.tutorial_state((100, 128, 256, 512, 1024, 784))),
    "CycleGAN": ("cyclegan-resnet", lambda: translators.resnet(width=64, blocks=9).state_dict()),
    "CUT": ("cut-resnet", lambda: translators.resnet(width=64, blocks=9, blurred=True).state_dict()),
    "pix2pix U-Net": ("pix2pix-unet", lambda: translators.unet(width=64, depth=8).state_dict()),
    "PatchGAN 256": ("patchgan-scorer", lambda: translators.patch_discriminator(width=64).state_dict()),
    "fast neural style": ("fast-neural-style", lambda: test_fast_neural_style.example((32, 64, 128))),
    "AdaIN": ("adain", states.adain),
    "AnimeGANv2": ("animegan2", lambda: test_animegan2.example(32)),
}
"""By title: the family and a state dict of the usual width."""


def feeds_of(network: Network, side: int) -> dict[str, NDArray[np.float32]]:
    """Return one row of the required inputs."""
    random = np.random.RandomState(0)
    found = {}
    for port in network.inputs:
        if port.default is None:
            free = iter((1, side, side))
            shape = [axis if isinstance(axis, int) else next(free) for axis in port.shape]
            found[port.name] = (random.rand(*shape) if len(shape) == 4 else random.randn(*shape)).astype(np.float32)
    return found


def measure(title: str, rounds: int, devices: list[str]) -> dict[str, float]:
    """Return how many times faster each device is than PyTorch."""
    family, make = NETWORKS[title]
    torch.manual_seed(0)
    network = FAMILIES[family].rebuild(make(), {})
    feeds = feeds_of(network, SIDE)
    given = [torch.from_numpy(feeds[port.name]) if port.default is None else port.default for port in network.inputs]

    def eager() -> object:
        with torch.inference_mode():
            return network.module(*given)

    actions: dict[str, Callable[[], object]] = {"eager": eager}
    for device in devices:
        run = session_of(network, device, THREADS)
        actions[device] = lambda run=run: run(feeds)  # type: ignore[misc]
    timing = in_turn(actions, rounds, warm_up=2)
    return {device: timing.ratio("eager", device) for device in devices}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="titles to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--devices", nargs="+", default=["cpu"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    found = {title: measure(title, given.rounds, given.devices) for title in given.names or NETWORKS}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(machine(THREADS))
    for title, ratios in found.items():
        print(f"{title:32}", *(f"{device} {ratio:.2f}" for device, ratio in ratios.items()))


if __name__ == "__main__":
    main()
