"""What a checkpoint of no known family seems to be: other kinds of networks, known by the names of their tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ganplugin.export.records import Record

__all__ = ["Lookalike", "lookalike", "only_an_optimiser"]


_OTHER_KIND: Final = "name the checkpoint of a GAN or a style network"
_GENERATOR: Final = "export the generator that was trained with it"
_OTHER_GAN: Final = "that family cannot be exported yet: docs/families.md lists those that can"


@dataclass(frozen=True)
class Lookalike:
    """A kind of network: every pattern of ``keys`` matches the beginning of some tensor's name."""

    what: str
    keys: tuple[str, ...]
    fix: str = _OTHER_KIND


_DIFFUSION: Final = "a diffusion transformer"
_LANGUAGE: Final = "a language model"
_PAIRS: Final = "pix2pixHD's discriminator, which judges a picture together with what it was made from"
_STUDIO: Final = "a network of PyTorch-StudioGAN, whose layout is in a YAML file and not in its tensors"
_CLASSIFIER: Final = "an image classifier"

_KINDS: Final[tuple[Lookalike, ...]] = (
    Lookalike("a LoRA (changes to another model's weights)", (r"(.*[._])?lora_(up|down|A|B|unet|te)",)),
    Lookalike("a Stable Diffusion checkpoint", (r"model\.diffusion_model\.",)),
    Lookalike("a diffusion network", (r"(.*\.)?time_embed(ding)?\.", r"(.*\.)?(down|input)_blocks\.")),
    Lookalike(_DIFFUSION, (r"(.*\.)?(double_blocks|joint_blocks|transformer_blocks)\.\d+\.",)),
    Lookalike(_DIFFUSION, (r"(t_embedder|x_embedder)\.", r"blocks\.\d+\.")),
    Lookalike(_LANGUAGE, (r"(.*\.)?(embed_tokens|wte|tok_embeddings|word_embeddings)\.",)),
    Lookalike(_LANGUAGE, (r"(.*\.)?layers\.\d+\.(self_attn|attention)\.",)),
    Lookalike("a CLIP model", (r"(text_model|visual\.transformer|vision_model|token_embedding)\.",)),
    Lookalike("a VQGAN", (r"(.*\.)?quantize\.embed", r"(.*\.)?decoder\.")),
    Lookalike("a variational autoencoder", (r"(.*\.)?decoder\.mid\.block_1\.",)),
    Lookalike("a BigGAN generator", (r"shared\.weight", r"linear\.weight", r"blocks\.0\.0\."), _OTHER_GAN),
    Lookalike(_STUDIO, (r"linear0\.", r"blocks\.0\.0\."), _OTHER_GAN),
    Lookalike(_STUDIO, (r"linear1\.", r"blocks\.0\.0\.conv2d"), _OTHER_GAN),
    Lookalike("a SPADE (GauGAN) generator", (r"head_0\.(norm_0|conv_0)\.", r"up_0\."), _OTHER_GAN),
    Lookalike("a U-GAT-IT generator", (r"DownBlock\.", r"UpBlock1_1\."), _OTHER_GAN),
    Lookalike("a MUNIT generator", (r"enc_content\.", r"enc_style\."), _OTHER_GAN),
    Lookalike("CUT's generator that takes a latent too (resnet_cat)", (r"enc_content\.", r"dec\."), _OTHER_GAN),
    Lookalike("CUT's generator of StyleGAN2's layers", (r"encoder\.convs\.", r"decoder\.convs\."), _OTHER_GAN),
    Lookalike("the projection heads that CUT trains with (netF)", (r"mlp_0\.0\.", r"mlp_1\.0\."), _GENERATOR),
    Lookalike(_PAIRS, (r"scale0_layer0\.0\.", r"scale0_layer1\.0\."), _GENERATOR),
    Lookalike(_PAIRS, (r"layer0\.0\.weight", r"layer0\.2\.weight", r"layer0\.5\.weight"), _GENERATOR),
    Lookalike(
        "Projected GAN's discriminator, which judges by a pretrained network of another project",
        (r"feature_network\.", r"discriminator\."),
        _GENERATOR,
    ),
    Lookalike("a face restorer", (r"stylegan_decoder\.",), "use a program for restoring faces"),
    Lookalike(_CLASSIFIER, (r"(.*\.)?layer1\.0\.conv1\.", r"(.*\.)?layer4\.0\.conv1\.")),
    Lookalike(_CLASSIFIER, (r"features\.0\.", r"classifier\.")),
    Lookalike("a vision transformer", (r"(.*\.)?patch_embed\.", r"(.*\.)?blocks\.\d+\.attn\.")),
)
_OPTIMISER: Final = frozenset({"state", "param_groups"})
_DEEPEST: Final = 6


def lookalike(names: Iterable[str]) -> Lookalike | None:
    """Return the kind of network that has tensors of such names, or None if there is no such kind."""
    known = list(names)
    return next((kind for kind in _KINDS if all(_is_among(key, known) for key in kind.keys)), None)


def _is_among(pattern: str, names: list[str]) -> bool:
    compiled = re.compile(pattern)
    return any(compiled.match(name) for name in names)


def only_an_optimiser(content: object, depth: int = 0) -> bool:
    """Tell whether a checkpoint's contents are optimisers' states and single values, and nothing else."""
    if isinstance(content, Record) or not isinstance(content, Mapping) or depth > _DEEPEST:
        return False
    if content.keys() >= _OPTIMISER:
        return True
    inner = [value for value in content.values() if isinstance(value, (Mapping, Record))]
    return bool(inner) and all(only_an_optimiser(value, depth + 1) for value in inner)
