"""What the samples are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

#: Where a sample comes from: a photograph, the mirror image of the pair's own reference, or a computed picture.
SampleKind = Literal["picture", "mirrored", "synthetic"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """One picture with its truth.

    Attributes
    ----------
    name
        Unique among the samples of all pairs; lower case, fit for a file name.
    title
        A few words for people.
    image
        (H, W) grey uint8 or uint16, or (H, W, 3) colour uint8.
    labels
        (H, W) uint8 class ids, 0 where no class is; whole objects, as an annotator would paint them.
    class_names
        Name of every class id; each id above 0, in rising order.
    instances
        (H, W) uint16 object ids, 0 exactly where `labels` is 0; None where objects were not told apart.
    """

    name: str
    title: str
    image: NDArray[Any]
    labels: NDArray[np.uint8]
    class_names: Mapping[int, str]
    instances: NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SamplePair:
    """A painted reference and pictures of the same classes with their truth.

    Attributes
    ----------
    name
        What `load_pair` takes.
    kind
        "picture": other pictures, other views or other parts of a picture. "mirrored": the targets are the reference
        itself, mirrored and cropped (easier than a real target; not for accuracy figures). "synthetic": computed.
    reference
        The painted picture.
    targets
        At least one.
    """

    name: str
    kind: SampleKind
    reference: Sample
    targets: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SampleStack:
    """Planes of the same objects, with the truth of every plane.

    Attributes
    ----------
    name, title, class_names
        As in `Sample`.
    axis
        What the first axis is: "t" (time) or "z" (depth).
    image
        (planes, H, W) uint16.
    labels
        (planes, H, W) uint8 class ids.
    instances
        (planes, H, W) uint16 object ids; an object keeps its id in every plane.
    """

    name: str
    title: str
    axis: Literal["t", "z"]
    image: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    class_names: Mapping[int, str]
    instances: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SampleChannels:
    """A multichannel picture with its truth.

    Attributes
    ----------
    name, title, class_names
        As in `Sample`.
    image
        (channels, H, W) uint16.
    channel_names
        Name of every channel, in order.
    labels
        (H, W) uint8 class ids.
    instances
        (H, W) uint16 object ids: a nucleus and the cytoplasm around it have the same id.
    """

    name: str
    title: str
    image: NDArray[np.uint16]
    channel_names: tuple[str, ...]
    labels: NDArray[np.uint8]
    class_names: Mapping[int, str]
    instances: NDArray[np.uint16]
