"""Render docs/images/blender.jpg: a wall of tiles, each painted with a picture of its own. Blender runs it.

The extension must be enabled (``make blender-extension``, then install it):

    blender --background --python scripts/make_blender_picture.py -- docs/images/blender.jpg
"""

from __future__ import annotations

import math
import sys

import bpy

EXTENSION = "bl_ext.user_default.ganplugin"
COLUMNS, ROWS = 16, 10


def paint() -> list[bpy.types.Image]:
    """Let ganplugin's nodes make an image for every tile."""
    tree = bpy.data.node_groups.new("Tiles", "GanPluginTree")
    model, sample, output = (tree.nodes.new(f"GanPlugin{name}") for name in ("LoadModel", "Sample", "BlenderOutput"))
    model.input_model = "builtin:brushwork"
    sample.input_seeds = f"0-{COLUMNS * ROWS - 1}"
    sample.input_truncation = 0.9
    tree.links.new(model.outputs["Model"], sample.inputs["Model"])
    tree.links.new(sample.outputs["Images"], output.inputs["Images"])
    bpy.ops.ganplugin.render(tree=tree.name)
    return [made.image for made in output.rendered]


def material(image: bpy.types.Image) -> bpy.types.Material:
    """Return a glazed material that shows an image on each face."""
    made = bpy.data.materials.new(image.name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    glaze = nodes["Principled BSDF"]
    glaze.inputs["Roughness"].default_value = 0.5
    glaze.inputs["Coat Weight"].default_value = 0.15
    texture = nodes.new("ShaderNodeTexImage")
    texture.image, texture.interpolation = image, "Cubic"
    links.new(texture.outputs["Color"], glaze.inputs["Base Color"])
    return made


def wall() -> bpy.types.Material:
    """Return a dark, dull material."""
    made = bpy.data.materials.new("Wall")
    made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.012, 0.012, 0.016, 1)
    return made


def tile(number: int, image: bpy.types.Image) -> None:
    """Hang a tile on the wall; the wall swells like a wave."""
    column, row = number % COLUMNS - (COLUMNS - 1) / 2, number // COLUMNS - (ROWS - 1) / 2
    swell = 0.55 * math.sin(0.55 * column + 0.5 * row) + 0.25 * math.cos(0.9 * row - 0.2 * column)
    bpy.ops.mesh.primitive_plane_add(size=0.96, location=(column, row, swell))
    face = bpy.context.object
    face.rotation_euler = (-0.1 * math.cos(0.9 * row), -0.24 * math.cos(0.55 * column + 0.5 * row), 0)
    thick = face.modifiers.new("Thick", "SOLIDIFY")
    thick.thickness = 0.12
    round_edges = face.modifiers.new("Round", "BEVEL")
    round_edges.width, round_edges.segments = 0.03, 3
    face.data.materials.append(material(image))


def light(name: str, place: tuple[float, float, float], aim: tuple[float, float, float], watts: float) -> None:
    """Add a soft lamp, 6 m wide."""
    lamp = bpy.data.lights.new(name, "AREA")
    lamp.energy, lamp.size = watts, 6
    body = bpy.data.objects.new(name, lamp)
    body.location, body.rotation_euler = place, aim
    bpy.context.scene.collection.objects.link(body)


def set_up(scene: bpy.types.Scene, path: str) -> None:
    """Place lamps and camera, and say how to render."""
    light("Key", (-9, 6, 9), (math.radians(-32), math.radians(-42), 0), 1900)
    light("Fill", (9, -4, 8), (math.radians(22), math.radians(46), 0), 700)
    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 0, -1.2))
    bpy.context.object.data.materials.append(wall())
    camera = bpy.data.cameras.new("Camera")
    camera.lens = 42
    scene.camera = bpy.data.objects.new("Camera", camera)
    scene.camera.location = (-1.4, -6.6, 9.4)
    scene.camera.rotation_euler = (math.radians(34), math.radians(-3), math.radians(-8))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 96
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = 960, 480
    scene.render.image_settings.file_format = "JPEG"
    scene.render.filepath = path


def main() -> None:
    """Make the scene and render it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    for number, image in enumerate(paint()):
        tile(number, image)
    set_up(bpy.context.scene, sys.argv[-1])
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
