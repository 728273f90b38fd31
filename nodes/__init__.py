"""Typed nodes, free of any host: each is declared once and serves every host and the command line."""

from __future__ import annotations

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.catalogue import NODES, node_registry
from ganplugin.nodes.contact_sheet import ContactSheet
from ganplugin.nodes.context import Context
from ganplugin.nodes.interpolate import Interpolate
from ganplugin.nodes.join_images import JoinImages
from ganplugin.nodes.latent_files import LoadLatents, SaveLatents
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.load_video import LoadVideo
from ganplugin.nodes.mix_styles import MixStyles
from ganplugin.nodes.sample import Sample
from ganplugin.nodes.save_images import SaveImages
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.score import Score
from ganplugin.nodes.steady_frames import SteadyFrames
from ganplugin.nodes.style_transfer import StyleTransfer
from ganplugin.nodes.values import Images, LatentBatch, LoadedModel

__all__ = [
    "NODES",
    "ContactSheet",
    "Context",
    "Images",
    "Interpolate",
    "JoinImages",
    "LatentBatch",
    "LoadImages",
    "LoadLatents",
    "LoadModel",
    "LoadVideo",
    "LoadedModel",
    "MixStyles",
    "Node",
    "NodeOutputs",
    "Sample",
    "SaveImages",
    "SaveLatents",
    "SaveVideo",
    "Score",
    "SteadyFrames",
    "StyleTransfer",
    "node_registry",
]
