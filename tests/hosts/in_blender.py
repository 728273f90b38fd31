"""What the tests do inside Blender: ``in_blender.py FUNCTION FOLDER`` writes what it finds to FOLDER/found.json."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

# isort: split
# Blender's own modules are found once it has started.
import addon_utils
import numpy as np
from blender_kit import EXTENSION, Layout, draw, enable, images, keep, levels, operator, put, render, ticks, traces


def install(folder: Path) -> object:
    done = bpy.ops.extensions.package_install_files(
        filepath=str(next(folder.glob("*.zip"))), repo="user_default", enable_on_install=True
    )
    return {
        "done": list(done),
        "numpy": np.__version__,
        "enabled": [addon.module for addon in bpy.context.preferences.addons if "ganplugin" in addon.module],
    }


def declared(folder: Path) -> object:
    from ganplugin.nodes import NODES

    tree = bpy.data.node_groups.new("GAN", "GanPluginTree")
    return {kind.id: _declared(tree.nodes.new(kind.id)) for kind in NODES}


def _declared(node: Any) -> object:
    properties = [p for p in node.bl_rna.properties if p.identifier.startswith("input_")]
    return {
        "title": node.bl_label,
        "description": node.bl_description,
        "sockets": [[s.identifier, s.bl_idname, s.description] for s in node.inputs],
        "outputs": [[s.identifier, s.bl_idname] for s in node.outputs],
        "properties": [
            {
                "name": p.identifier,
                "type": p.type,
                "help": p.description,
                "value": getattr(node, p.identifier),
                "default": p.default,
                "least": getattr(p, "hard_min", None),
                "most": getattr(p, "hard_max", None),
                "choices": [item.identifier for item in getattr(p, "enum_items", ())],
            }
            for p in properties
        ],
    }


def still(folder: Path) -> object:
    tree = draw(seeds="3,5", truncation=0.7)
    error = render(tree)
    for image in images(tree):
        keep(folder, image, image.name)
    return {
        "error": error,
        "names": [image.name for image in images(tree)],
        "fake": [i.use_fake_user for i in images(tree)],
    }


def reopened(folder: Path) -> object:
    tree = draw(seeds="3", truncation=0.7)
    render(tree)
    keep(folder, images(tree)[0], "before")
    path = str(folder / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    tree = bpy.data.node_groups["GAN"]
    keep(folder, images(tree)[0], "opened")
    truncation = tree.nodes["Sample"].input_truncation
    put(tree, seeds="5,3")
    error = render(tree)
    keep(folder, images(tree)[1], "after")
    names = [image.name for image in bpy.data.images]
    images(tree)[0].name = "mine"
    put(tree, seeds="9")
    render(tree)
    later = [image.name for image in bpy.data.images if image.users]
    return {"error": error, "truncation": truncation, "names": names, "later": later}


def sequence(folder: Path) -> object:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    tree = draw("LoadModel Interpolate BlenderOutput", frames=6, destination="SEQUENCE", sequence="walk")
    error = render(tree)
    image = images(tree)[0]
    found: dict[str, object] = {"error": error, "source": image.source, "path": image.filepath, "files": _files(folder)}
    for frame in (1, 6):
        np.save(folder / f"frame-{frame}.npy", _composited(folder, image, frame, 6))
    shutil.copytree(folder / "walk", folder / "copies")
    before = {file.name: file.stat().st_mtime_ns for file in (folder / "walk").iterdir()}
    render(tree)
    found["kept"] = before == {file.name: file.stat().st_mtime_ns for file in (folder / "walk").iterdir()}
    put(tree, frames=4)
    render(tree)
    found["shorter"] = _files(folder)
    (folder / "walk" / "walk_00002.png").write_bytes(b"a file of someone else")
    found["in the way"] = render(tree)
    put(tree, destination="IMAGES")
    tree.nodes["Interpolate"].input_frames = 2
    found["as images"] = [render(tree), [image.source for image in images(tree)]]
    put(tree, destination="SEQUENCE", sequence="again")
    found["back"] = [render(tree), [image.source for image in images(tree)], images(tree)[0].packed_file is None]
    return found


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in (folder / "walk").iterdir())


def _composited(folder: Path, image: Any, frame: int, frames: int) -> Any:
    """Show an image through the compositor at a frame, and return the picture that Blender writes."""
    scene = bpy.context.scene
    group = bpy.data.node_groups.new("Comp", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    source, output = group.nodes.new("CompositorNodeImage"), group.nodes.new("NodeGroupOutput")
    source.image = image
    if image.source == "SEQUENCE":
        source.frame_duration = frames
    group.links.new(source.outputs["Image"], output.inputs[0])
    scene.compositing_node_group = group
    scene.frame_set(frame)
    return _photograph(scene, folder / "composited.png", image)


def _photograph(scene: Any, path: Path, image: Any) -> Any:
    if scene.camera is None:
        camera = bpy.data.cameras.new("Camera")
        camera.type, camera.ortho_scale = "ORTHO", 2
        scene.camera = bpy.data.objects.new("Camera", camera)
        scene.camera.location.z = 1
        scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 1
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01
    scene.view_settings.view_transform = "Standard"
    scene.render.dither_intensity = 0
    scene.render.resolution_x, scene.render.resolution_y = image.size
    scene.render.filepath = str(path)
    scene.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    return levels(bpy.data.images.load(str(path)))[..., :3]


def used(folder: Path) -> object:
    tree = draw(seeds="3")
    error = render(tree)
    image = images(tree)[0]
    keep(folder, image, "picture")
    scene = bpy.context.scene
    np.save(folder / "compositor.npy", _composited(folder, image, 1, 1))
    scene.compositing_node_group = None
    _hang(image)
    np.save(folder / "material.npy", _photograph(scene, folder / "material.png", image))
    return {"error": error}


def _hang(image: Any) -> None:
    """Put a glowing plane with the image where the camera looks, and nothing else."""
    bpy.ops.mesh.primitive_plane_add(size=2)
    material = bpy.data.materials.new("Picture")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    texture, glow, out = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial"))
    texture.image, texture.interpolation = image, "Closest"
    links.new(texture.outputs["Color"], glow.inputs["Color"])
    links.new(glow.outputs["Emission"], out.inputs["Surface"])
    bpy.context.object.data.materials.append(material)


def brought(folder: Path) -> object:
    """Send images of Blender through the tree, 8-bit and float, with and without alpha, and let Blender save them."""
    found = {}
    for name, is_float, alpha in (
        ("bytes", False, True),
        ("opaque", False, False),
        ("float", True, True),
        ("light", True, False),
    ):
        image = bpy.data.images.new(name, 37, 5, alpha=alpha, float_buffer=is_float)
        values = np.random.RandomState(1).rand(5, 37, 4).astype(np.float32)
        values[..., 3] = values[..., 3] / 2 + 0.5 if alpha else 1
        if is_float:
            values[..., :3] *= values[..., 3:]
        image.pixels.foreach_set(values.ravel())
        tree = draw("BlenderImage BlenderOutput", title="through " + name)
        tree.nodes["Blender Image"].image = image
        found[name] = render(tree)
        image.file_format = "PNG"
        image.save(filepath=str(folder / f"{name}-blender.png"), save_copy=True)
        keep(folder, images(tree)[0], name)
    tree.nodes["Blender Image"].image = None
    found["none"] = render(tree)
    tree.nodes["Blender Image"].image = bpy.data.images.new("gone", 4, 4)
    tree.nodes["Blender Image"].image.source = "FILE"
    found["empty"] = render(tree)
    return found


def painted(folder: Path) -> object:
    """A photo of Blender in the style of a model, past a reroute, a muted node and a link that is muted."""
    photo = bpy.data.images.new("Photo.jpg", 32, 24)
    photo.pixels.foreach_set(np.random.RandomState(2).rand(24 * 32 * 4).astype(np.float32))
    tree = draw("BlenderImage StyleTransfer JoinImages BlenderOutput", max_side=16)
    tree.nodes["Blender Image"].image = photo
    model = tree.nodes.new("GanPluginLoadModel")
    model.input_model = "builtin:great-wave"
    bend = tree.nodes.new("NodeReroute")
    style, join = tree.nodes["Style Transfer"], tree.nodes["Join Images"]
    tree.links.new(model.outputs["Model"], bend.inputs[0])
    tree.links.new(bend.outputs[0], style.inputs["Model"])
    tree.links.remove(style.inputs["Style Image"].links[0])
    tree.links.new(tree.nodes["Blender Image"].outputs["Masks"], style.inputs["Mask"])
    join.mute = True
    error = render(tree)
    one = [image.name for image in images(tree)]
    join.mute = False
    tree.links.new(style.outputs["Images"], join.inputs["B"]).is_muted = True
    return {"error": error, "one": one, "join": render(tree)}


def refused(folder: Path) -> object:
    tree = draw(seeds="3")
    found: dict[str, object] = {"tree": _message(lambda: bpy.ops.ganplugin.render(tree="no such"))}
    for name, value in (("seeds", "3,x"), ("model", "builtin:icon"), ("model", ""), ("label", "cat"), ("title", "{x}")):
        before = getattr(tree.nodes["Image Output"], name, None) or "builtin:icons"
        put(tree, **{name: value})
        found[f"{name}={value}"] = render(tree)
        put(tree, **{name: {"seeds": "3", "label": ""}.get(name, before)})
    put(tree, destination="SEQUENCE")
    found["unsaved"] = render(tree)
    put(tree, destination="IMAGES", seeds="0-300")
    found["many"] = render(tree)
    tree.links.remove(tree.nodes["Sample"].inputs["Model"].links[0])
    found["unlinked"] = render(tree)
    tree.nodes.remove(tree.nodes["Image Output"])
    found["nothing"] = render(tree)
    found["images"] = [image.name for image in bpy.data.images]
    return found


def _message(call: Any) -> str:
    try:
        call()
    except RuntimeError as error:
        return str(error).strip()
    return ""


def ranges(folder: Path) -> object:
    tree = draw(seeds="3")
    put(tree, truncation=99.0)
    tree.links.new(tree.nodes["Sample"].outputs["Latents"], tree.nodes["Image Output"].inputs["Images"])
    found = {"truncation": tree.nodes["Sample"].input_truncation, "output": render(tree)}
    tree.links.new(tree.nodes["Sample"].outputs["Images"], tree.nodes["Image Output"].inputs["Images"])
    tree.links.new(tree.nodes["Sample"].outputs["Latents"], tree.nodes["Sample"].inputs["Latents"])
    found["circle"] = render(tree)
    tree.links.new(tree.nodes["Load Model"].outputs["Model"], tree.nodes["Sample"].inputs["Latents"])
    return {**found, "input": render(tree)}


def written(folder: Path) -> object:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    tree = draw("LoadModel Sample SaveImages", seeds="3,5", folder="//pictures")
    errors = [render(tree), render(tree)]
    files = sorted(path.name for path in (folder / "pictures").iterdir())
    tree.nodes["Save Images"].input_folder = "../elsewhere"
    return {"errors": errors, "files": files, "outside": render(tree)}


def modal(folder: Path) -> object:
    """Esc in the middle of a walk, then the panel's button, then a render to the end."""
    tree = draw("LoadModel Sample BlenderOutput", seeds="0-199", model="builtin:brushwork")
    running, context = operator(tree)
    found: dict[str, object] = {"begun": running._begin(context)}
    found["twice"] = render(tree)
    found["mouse"] = sorted(running.modal(context, SimpleNamespace(type="MOUSEMOVE")))
    found["going"] = ticks(running, context, lambda: len(images(tree)) > 3)
    found["esc"] = sorted(running.modal(context, SimpleNamespace(type="ESC")))
    found["ended"] = ticks(running, context, lambda: False)
    found["told"] = running.told
    found["shown"] = len(images(tree))
    found["steps"] = [step for step in context.steps if isinstance(step, str) and step != "redraw"]
    found["fractions"] = sorted({step for step in context.steps if not isinstance(step, str)})
    running, context = operator(tree)
    running._begin(context)
    found["button"] = sorted(bpy.ops.ganplugin.cancel(tree="GAN"))
    found["by button"] = [ticks(running, context, lambda: False), running.told]
    put(tree, seeds="0-2")
    running, context = operator(tree)
    running._begin(context)
    found["whole"] = [ticks(running, context, lambda: False), running.told, len(images(tree))]
    found["idle"] = sorted(bpy.ops.ganplugin.cancel(tree="GAN"))
    running, context = operator(tree)
    running._begin(context)
    running.cancel(context)
    found["closed"] = [render(tree), context.steps]
    return found


def removed(folder: Path) -> object:
    found = {"before": traces()}
    tree = draw(seeds="0-199", model="builtin:brushwork")
    running, context = operator(tree)
    running._begin(context)
    addon_utils.disable(EXTENSION)
    found["after"] = traces()
    found["tree"] = str(bpy.data.node_groups["GAN"].bl_idname)
    addon_utils.enable(EXTENSION)
    found["again"] = traces()
    tree = bpy.data.node_groups["GAN"]
    put(tree, seeds="3")
    found["error"] = render(tree)
    addon_utils.disable(EXTENSION)
    found["gone"] = traces()
    return found


def drawn(folder: Path) -> object:
    from ganplugin.nodes.blender import panels, preferences

    tree = draw("LoadModel Sample BlenderOutput", seeds="3")
    nodes = {}
    render(tree)
    other = bpy.data.node_groups.new("Other", "GanPluginTree")
    for node in [*tree.nodes, other.nodes.new("GanPluginBlenderImage")]:
        layout = Layout()
        node.draw_buttons(bpy.context, layout)
        nodes[node.name] = layout.drawn
        for socket in node.inputs:
            socket.draw(bpy.context, layout, node, socket.name)
    space = SimpleNamespace(type="NODE_EDITOR", tree_type="GanPluginTree", edit_tree=tree)
    context = SimpleNamespace(space_data=space)
    panel, menu, add, chosen = (SimpleNamespace(layout=Layout()) for _ in range(4))
    panels.RenderPanel.draw(panel, context)
    running, window = operator(tree)
    put(tree, seeds="0-99")
    running._begin(window)
    panels.RenderPanel.draw(panel, context)
    bpy.ops.ganplugin.cancel(tree="GAN")
    ticks(running, window, lambda: False)
    panels.AddMenu.draw(menu, context)
    panels.draw_add_menu(add, context)
    preferences.Preferences.draw(chosen, context)
    bpy.context.preferences.addons[EXTENSION].preferences.models = str(folder)
    (folder / "mine.onnx").write_bytes(b"")
    shown = {"panel": panel, "menu": menu, "add": add, "preferences": chosen}
    return {
        "nodes": nodes,
        **{name: item.layout.drawn for name, item in shown.items()},
        "poll": panels.RenderPanel.poll(context),
        "elsewhere": panels.RenderPanel.poll(SimpleNamespace(space_data=SimpleNamespace(type="VIEW_3D"))),
        "models": preferences.model_names(None, None, ""),
    }


def documented(folder: Path) -> object:
    """Run the example of the page on Blender."""
    page = Path(__file__).parents[2] / "docs" / "hosts" / "blender.md"
    (example,) = re.findall(r"```py\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, page.name, "exec"), names)
    first = Path(bpy.path.abspath(names["image"].filepath))
    return {"source": names["image"].source, "first": first.name, "files": len(list(first.parent.iterdir()))}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name != "install":
        enable()
    found = globals()[name](folder)
    folder.joinpath("found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
