"""As much of InvokeAI's API as the adapter calls: classes that are registered, and a store of pictures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from PIL import Image
from pydantic import BaseModel, Field, RootModel
from pydantic_core import PydanticUndefined


class Input(str, Enum):
    Connection = "connection"
    Any = "any"


class UIComponent(str, Enum):
    Textarea = "textarea"
    Slider = "slider"


class ImageCategory(str, Enum):
    GENERAL = "general"
    MASK = "mask"


class ImageField(BaseModel):
    image_name: str


class MetadataField(RootModel[dict[str, Any]]):
    pass


class WithMetadata(BaseModel):
    metadata: MetadataField | None = None


class WithBoard(BaseModel):
    board: str | None = None


class BaseInvocation(BaseModel):
    model_config = {"validate_assignment": True, "coerce_numbers_to_str": True, "protected_namespaces": ()}


class BaseInvocationOutput(BaseModel):
    pass


class InvocationContext:
    pass


class CanceledException(Exception):  # noqa: N818 - InvokeAI's name
    pass


def input_field(
    *,
    default: Any,
    description: str,
    ge: float | None,
    le: float | None,
    input: Input,
    ui_component: UIComponent | None,
    ui_order: int,
) -> Any:
    required = default is PydanticUndefined
    extra = {"input": input, "required": required, "component": ui_component, "order": ui_order}
    value = None if required else default
    return Field(default=value, description=description, ge=ge, le=le, json_schema_extra=extra)


def output_field(*, description: str, ui_order: int) -> Any:
    return Field(description=description, json_schema_extra={"order": ui_order})


class Host:
    """An InvokeAI in one folder; it is also the context that its nodes are given."""

    def __init__(self, root: Path) -> None:
        self.invocations: dict[str, SimpleNamespace] = {}
        self.outputs: dict[str, type[BaseModel]] = {}
        self.events: list[tuple[str, float | None, Any]] = []
        self.saved: list[tuple[str, ImageCategory, dict[str, Any]]] = []
        self.stop_after: int | None = None
        self.settings = SimpleNamespace(root_path=root, outputs_path=root / "outputs", device="cpu")
        self.folder = root / "outputs" / "images"
        self.folder.mkdir(parents=True)
        self.images = SimpleNamespace(save=self._save, get_path=lambda name: self.folder / name)
        self.util = SimpleNamespace(signal_progress=self._signal, is_canceled=self._is_canceled)
        self.logger = SimpleNamespace(info=lambda text: None)
        self.config = SimpleNamespace(get=lambda: self.settings)

    def modules(self) -> dict[str, ModuleType]:
        """Return what is to stand in ``sys.modules``."""
        api, common = ModuleType("invokeai.invocation_api"), ModuleType("session_processor_common")
        names = (BaseInvocation, BaseInvocationOutput, ImageCategory, ImageField, Input, InvocationContext)
        for one in (*names, MetadataField, UIComponent, WithBoard, WithMetadata):
            setattr(api, one.__name__, one)
        api.InputField, api.OutputField = input_field, output_field
        api.invocation, api.invocation_output = self._invocation, self._invocation_output
        common.CanceledException = CanceledException
        place = "invokeai.app.services.session_processor.session_processor_common"
        return {"invokeai": ModuleType("invokeai"), "invokeai.invocation_api": api, place: common}

    def run(self, invocation: str, **inputs: Any) -> Any:
        """Invoke a node as InvokeAI does, and return its output after it went through the session's JSON."""
        output = self.invocations[invocation].kind(**inputs).invoke(self)
        return type(output).model_validate_json(output.model_dump_json())

    def _invocation(self, kind: str, **about: Any) -> Callable[[type[BaseInvocation]], type[BaseInvocation]]:
        def registered(made: type[BaseInvocation]) -> type[BaseInvocation]:
            output = inspect.signature(made.invoke).return_annotation
            assert output in self.outputs.values()
            self.invocations[kind] = SimpleNamespace(kind=made, output=output, **about)
            return made

        return registered

    def _invocation_output(self, kind: str) -> Callable[[type[BaseModel]], type[BaseModel]]:
        def registered(made: type[BaseModel]) -> type[BaseModel]:
            self.outputs[kind] = made
            return made

        return registered

    def _save(self, image: Image.Image, *, image_category: ImageCategory, metadata: MetadataField) -> SimpleNamespace:
        name = f"{len(self.saved):08x}.png"
        image.save(self.folder / name)
        self.saved.append((name, image_category, metadata.root))
        return SimpleNamespace(image_name=name)

    def _signal(self, message: str, percentage: float | None = None, image: Any = None, size: Any = None) -> None:
        assert percentage is None or 0 <= percentage <= 1
        assert image is None or image.mode == "RGB"
        self.events.append((message, percentage, size))

    def _is_canceled(self) -> bool:
        return self.stop_after is not None and len(self.saved) >= self.stop_after
