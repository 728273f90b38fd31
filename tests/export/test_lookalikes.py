from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from tests.export.files import WRITERS


def refusal(tmp_path: Path, content: object) -> CheckpointError:
    path = WRITERS["torch zip"](tmp_path / "x.ckpt", content)
    with pytest.raises(CheckpointError) as caught:
        export_checkpoint(path)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.x"], "a Stable Diffusion"),
        (["time_embedding.linear_1.weight", "down_blocks.0.resnets.0.norm1.weight"], "a diffusion network"),
        (["unet.time_embed.0.weight", "unet.input_blocks.0.0.weight"], "a diffusion network"),
        (["double_blocks.0.img_attn.qkv.weight"], "a diffusion transformer"),
        (["x_embedder.proj.weight", "blocks.0.attn.qkv.weight"], "a diffusion transformer"),
        (["model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"], "a language model"),
        (["transformer.wte.weight"], "a language model"),
        (["model.layers.11.self_attn.q_proj.weight"], "a language model"),
        (["lora_unet_down_blocks_0.lora_down.weight"], "a LoRA"),
        (["text_model.encoder.layers.0.mlp.fc1.weight"], "a CLIP model"),
        (["quantize.embedding.weight", "decoder.conv_in.weight"], "a VQGAN"),
        (["decoder.mid.block_1.conv1.weight"], "a variational autoencoder"),
        (["shared.weight", "linear.weight", "blocks.0.0.conv1.weight"], "a BigGAN generator"),
        (["linear0.weight_orig", "blocks.0.0.bn1.weight", "conv2d5.weight_orig"], "a network of PyTorch-StudioGAN"),
        (["linear1.weight_orig", "blocks.0.0.conv2d1.weight_orig"], "a network of PyTorch-StudioGAN"),
        (["head_0.norm_0.mlp_shared.0.weight", "up_0.conv_0.weight"], "a SPADE"),
        (["DownBlock.1.weight", "UpBlock1_1.conv1.weight"], "a U-GAT-IT generator"),
        (["conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight", "fc.weight"], "an image classifier"),
        (["features.0.weight", "classifier.6.weight"], "an image classifier"),
        (["enc_content.model.0.conv.weight", "dec.model.0.norm.weight"], "CUT's generator that takes a latent"),
        (["encoder.convs.0.0.weight", "decoder.convs.0.conv1.0.weight"], "CUT's generator of StyleGAN2's layers"),
        (["mlp_0.0.weight", "mlp_0.2.weight", "mlp_1.0.weight"], "the projection heads that CUT trains with (netF)"),
        (["scale0_layer0.0.weight", "scale0_layer1.0.weight"], "pix2pixHD's discriminator"),
        (["layer0.0.weight", "layer0.2.weight", "layer0.5.weight", "layer1.0.weight"], "pix2pixHD's discriminator"),
        (["feature_network.pretrained.layer0.0.weight", "discriminator.mini_discs.0.main.0.bias"], "Projected GAN's"),
        (["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"], "a vision transformer"),
    ],
)
def test_another_kind_of_network_is_named(tmp_path: Path, keys: list[str], words: str) -> None:
    error = refusal(tmp_path, {"state_dict": {key: torch.ones(2, 2, 1, 1) for key in keys}})
    assert error.what.startswith(f"seems to be {words}")


def test_an_optimiser_without_a_network_is_told(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    for content in (optimiser.state_dict(), {"optimizer_G": optimiser.state_dict(), "epoch": 3}):
        assert "the state of an optimiser and no network" in refusal(tmp_path, content).what


def test_what_is_like_nothing_is_described(tmp_path: Path) -> None:
    assert "2 tensors such as a.b, c.d" in refusal(tmp_path, {"a.b": torch.ones(2), "c.d": torch.ones(3)}).what
    assert "it has no tensors" in refusal(tmp_path, {"epoch": 3}).what
