"""Writes faces.npz: outputs of the published runtimes on a photograph of NASA (public domain).

Needs ai-edge-litert, onnx and onnxruntime, which the package and its tests do not, and the published files:
`python tests/golden/make_faces.py FOLDER`, with face_detection_short_range.tflite, face_landmark.tflite and
centerface.onnx in the folder. It writes identity.f32 there, for make_face_identity.js, and reads identity.json, which
that makes of it, when it is run again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
KEPT = 128  # numbers of each output, evenly spread


def photograph(side: int) -> np.ndarray:
    """The face of the astronaut Eileen Collins in scikit-image, uint8 (side, side, 3)."""
    from PIL import Image
    from skimage.data import astronaut

    return np.asarray(Image.fromarray(astronaut()[40:200, 150:310]).resize((side, side), Image.Resampling.BICUBIC))


def inputs() -> dict[str, np.ndarray]:
    """float32 (1, side, side, 3) for each network."""
    return {
        "blazeface": photograph(128)[None].astype(np.float32) / 127.5 - 1,
        "face_mesh": photograph(192)[None].astype(np.float32) / 255,
        "centerface": photograph(160)[None].astype(np.float32),
        "face_identity": photograph(150)[None].astype(np.float32),
    }


def kept(values: np.ndarray) -> np.ndarray:
    """Some numbers of an output, float32 (KEPT,) at most."""
    flat = np.asarray(values, np.float32).reshape(-1)
    return flat[np.linspace(0, len(flat) - 1, min(KEPT, len(flat))).round().astype(int)]


def run_tflite(path: Path, pixels: np.ndarray) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def run_onnx(path: Path, pixels: np.ndarray) -> list[np.ndarray]:
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    for value in [*model.graph.input[:1], *model.graph.output]:  # the file says 10x3x32x32, and computes any size
        for place in (0, 2, 3):
            value.type.tensor_type.shape.dim[place].dim_param = f"{value.name}_{place}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return [np.asarray(each) for each in session.run(None, {session.get_inputs()[0].name: images})]


def main() -> None:
    folder, given = Path(sys.argv[1]), inputs()
    golden = {}
    for name, file in (("blazeface", "face_detection_short_range.tflite"), ("face_mesh", "face_landmark.tflite")):
        found = sorted(run_tflite(folder / file, given[name]), key=lambda each: -each.size)
        golden |= {f"{name}_{number}": kept(each) for number, each in enumerate(found)}
    for number, each in enumerate(run_onnx(folder / "centerface.onnx", given["centerface"])):
        golden[f"centerface_{number}"] = kept(each)
    given["face_identity"].tofile(folder / "identity.f32")
    answer = folder / "identity.json"
    if answer.exists():
        golden["face_identity_0"] = kept(np.array(json.loads(answer.read_text())))
    np.savez_compressed(HERE / "faces.npz", **golden)
    print({name: (len(each), float(np.abs(each).max())) for name, each in golden.items()})


if __name__ == "__main__":
    main()
