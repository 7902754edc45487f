"""What is to be done with every picture of a data set: paths and options, nothing that is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.outputs import OutputPaths, output_paths
from napari_gfsam.datasets.pictures import Painting, absolute, add_painting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.api import Segmenter
    from napari_gfsam.api.choice import ModelChoice
    from napari_gfsam.api.scale import PixelSizes, Scale
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.imaging import PixelRecipe

# Features of targets are used once, those of references for every target.
CACHE_BYTES, REFERENCE_BYTES = 64 * 2**20, 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What holds for every target; workers get it as plain values (`as_dict`) and load their own models.

    Parameters
    ----------
    references
        The painted pictures.
    output
        Folder for label images, overlays and run records.
    packs
        Exemplar packs whose references serve beside the painted pictures.
    models
        Models, device and precision; the bundled models, wherever they are fastest, when None.
    settings
        A `GFSAMConfig`; the preset ``tuned`` when None.
    recipe
        How pixel values become RGB; ``PixelRecipe()`` when None.
    scale
        ``auto``, ``whole`` or the side of the target's tiles in pixels.
    pixel_sizes
        Sides of a pixel of references and targets; as their files say it, else alike, when None.
    label_format
        ``tif``, ``png`` or ``zarr``.
    overlay, points
        Whether to write an overlay for people, and whether it shows the prompts.
    overwrite
        Whether outputs that are there are replaced.
    threads
        CPU threads of one process; torch's own choice when None.
    """

    references: tuple[Painting, ...]
    output: Path
    packs: tuple[Path, ...] = ()
    models: ModelChoice | None = None
    settings: GFSAMConfig | None = None
    recipe: PixelRecipe | None = None
    scale: Scale = "auto"
    pixel_sizes: PixelSizes | None = None
    label_format: str = "tif"
    overlay: bool = True
    points: bool = False
    overwrite: bool = False
    threads: int | None = None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read beside the targets."""
        painted = (path for painting in self.references for path in (painting.image, painting.labels))
        return (*painted, *self.packs)

    def paths(self, name: str) -> OutputPaths:
        """Return the outputs of a target."""
        return output_paths(Path(self.output), name, self.label_format, overlay=self.overlay)

    def choice(self) -> ModelChoice:
        """Return models, device and precision."""
        from napari_gfsam.api.choice import ModelChoice

        return self.models or ModelChoice()

    def pixels(self) -> PixelRecipe:
        """Return how pixel values become RGB."""
        from napari_gfsam.imaging import PixelRecipe

        return self.recipe or PixelRecipe()

    def placed(self) -> Self:
        """Return the plan with absolute paths, for workers that work elsewhere."""
        references = tuple(
            replace(painting, image=absolute(painting.image), labels=absolute(painting.labels))
            for painting in self.references
        )
        models = self.choice()
        files = (_placed(models.encoder_weights), _placed(models.segmenter_weights))
        models = replace(models, encoder_weights=files[0], segmenter_weights=files[1])
        packs = tuple(map(absolute, self.packs))
        return replace(self, references=references, packs=packs, output=absolute(self.output), models=models)

    def segmenter(self) -> Segmenter:
        """Return a segmenter with the references; models are loaded when they are first needed.

        Raises
        ------
        ValueError
            If a reference cannot be read or its paint cannot serve; the sentence names the files.
        """
        from napari_gfsam.api import Segmenter

        room = CACHE_BYTES + REFERENCE_BYTES * len(self.references)
        segmenter = Segmenter(self.choice(), settings=self.settings or "tuned", cache_bytes=room)
        for painting in self.references:
            add_painting(segmenter, painting, self.pixels())
        for path in self.packs:
            segmenter.add_pack(path)
        return segmenter

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        models = {name: _text(value) for name, value in asdict(self.choice()).items()}
        return values | {
            "output": str(self.output),
            "references": [{name: _text(value) for name, value in asdict(one).items()} for one in self.references],
            "packs": list(map(str, self.packs)),
            "models": models,
            "settings": self.settings.as_dict() if self.settings else None,
            "recipe": self.recipe.as_dict() if self.recipe else None,
            "pixel_sizes": asdict(self.pixel_sizes) if self.pixel_sizes else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a plan from `as_dict`.

        Raises
        ------
        DatasetError
            If it is none that this version knows.
        """
        from napari_gfsam.api.choice import ModelChoice
        from napari_gfsam.api.scale import PixelSizes
        from napari_gfsam.core.config import GFSAMConfig
        from napari_gfsam.imaging import PixelRecipe

        settings, recipe, pixels = (data.get(name) for name in ("settings", "recipe", "pixel_sizes"))
        try:
            made = {
                "references": tuple(map(_painting, data["references"])),
                "output": Path(data["output"]),
                "packs": tuple(map(Path, data["packs"])),
                "models": ModelChoice(**data["models"]),
                "settings": GFSAMConfig().with_settings(**settings) if settings else None,
                "recipe": PixelRecipe.from_dict(recipe) if recipe else None,
                "pixel_sizes": PixelSizes(**pixels) if pixels else None,
            }
            return cls(**{**data, **made})
        except (KeyError, TypeError) as error:
            raise DatasetError(f"This version cannot read the plan of the run ({error}).") from error


def _painting(data: Mapping[str, Any]) -> Painting:
    from napari_gfsam.core.types import ClassSpec

    classes = tuple(ClassSpec(**one) for one in data["classes"])
    region = data["region_yx"] and tuple(data["region_yx"])
    return Painting(Path(data["image"]), Path(data["labels"]), classes, data["ignore"], region)


def _placed(path: str | Path | None) -> Path | None:
    return None if path is None else absolute(Path(path))


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
