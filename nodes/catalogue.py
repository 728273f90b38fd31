"""All nodes, by their ids."""

from __future__ import annotations

from functools import cache

from ganplugin.nodes.base import Node
from ganplugin.nodes.contact_sheet import ContactSheet
from ganplugin.nodes.core_nodes import Levels, LoadImage, PreviewImage, SaveImage
from ganplugin.nodes.interpolate import Interpolate
from ganplugin.nodes.join_images import JoinImages
from ganplugin.nodes.latent_files import LoadLatents, SaveLatents
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.load_video import LoadVideo
from ganplugin.nodes.mix_styles import MixStyles
from ganplugin.nodes.resize import Resize
from ganplugin.nodes.sample import Sample
from ganplugin.nodes.save_images import SaveImages
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.score import Score
from ganplugin.nodes.steady_frames import SteadyFrames
from ganplugin.nodes.style_transfer import StyleTransfer
from ganplugin.registry import Registry

__all__ = ["HEADLESS_NODES", "NODES", "node_registry"]

NODES: tuple[type[Node], ...] = (
    LoadModel,
    Sample,
    Interpolate,
    StyleTransfer,
    Score,
    MixStyles,
    LoadImages,
    SaveImages,
    SaveVideo,
    ContactSheet,
    JoinImages,
    LoadLatents,
    SaveLatents,
    Resize,
    LoadVideo,
    SteadyFrames,
)


HEADLESS_NODES: tuple[type[Node], ...] = (LoadImage, SaveImage, PreviewImage, Levels)
"""Nodes that ComfyUI has of its own, and what they need: a graph that holds them runs headless too."""


@cache
def node_registry() -> Registry[type[Node]]:
    """Return all nodes under their ids, those of hosts first, in the order in which hosts list them."""
    registry: Registry[type[Node]] = Registry("node")
    for node in (*NODES, *HEADLESS_NODES):
        registry = registry.add(node.id, node)
    return registry
