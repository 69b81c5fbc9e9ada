"""Small whole files of every kind that is read, to be mutated."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from imagewright.output.provenance import add_to_gif, make_record, to_xmp

PACKET = to_xmp(make_record("sample", model="vae", run="fuzz", seed=1, settings={"count": 2}))


def _picture(mode: str = "RGB", size: tuple[int, int] = (24, 17)) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands()) if mode != "P" else 1
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], bands), np.uint8)
    return Image.fromarray(pixels[:, :, 0] if bands == 1 else pixels, "L" if mode == "P" else mode).convert(mode)


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    frames = (
        {"append_images": [each.copy() for each in options.pop("append_images")]} if "append_images" in options else {}
    )
    # Copies, since Pillow leaves options of one format in a picture, and another format takes them.
    picture.copy().save(content, kind, **options, **frames)
    return content.getvalue()


def _frames() -> list[Image.Image]:
    return [_picture().rotate(30 * turn) for turn in range(4)]


def _with_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a name"
    return exif


def pictures() -> dict[str, bytes]:
    """Encoded pictures by the name of a file."""
    rgb, frames = _picture(), _frames()
    deep = Image.fromarray(np.random.default_rng(3).integers(0, 65536, (17, 24), np.uint16))
    many: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    grey = np.asarray(_picture("L"))
    return {
        "plain.png": _encoded(rgb, "PNG", exif=_with_exif()),
        "palette.png": _encoded(_picture("P"), "PNG", transparency=3),
        "alpha.png": _encoded(_picture("RGBA"), "PNG"),
        "deep.png": _encoded(deep, "PNG"),
        "animated.png": _encoded(frames[0], "PNG", **many),
        "plain.jpg": _encoded(rgb, "JPEG", exif=_with_exif(), xmp=PACKET),
        "progressive.jpg": _encoded(rgb, "JPEG", progressive=True),
        "inks.jpg": _encoded(rgb.convert("CMYK"), "JPEG"),
        "several.jpg": _encoded(frames[0], "MPO", save_all=True, append_images=frames[1:2]),
        "lossy.webp": _encoded(rgb, "WEBP", xmp=PACKET, exif=_with_exif()),
        "lossless.webp": _encoded(_picture("RGBA"), "WEBP", lossless=True),
        "animated.webp": _encoded(frames[0], "WEBP", **many),
        "plain.tif": _encoded(rgb, "TIFF", tiffinfo={700: PACKET}),
        "deep.tif": _encoded(deep, "TIFF"),
        "pages.tif": _encoded(frames[0], "TIFF", compression="tiff_lzw", **many),
        "deflate.tif": _encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": _encoded(rgb, "TIFF", compression="jpeg"),
        "fax.tif": _encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "plain.bmp": _encoded(rgb, "BMP"),
        "palette.bmp": _encoded(_picture("P"), "BMP"),
        "headless.dib": _encoded(rgb, "DIB"),
        "runs.bmp": _bmp_of_runs(),
        "plain.gif": add_to_gif(_encoded(_picture("P"), "GIF", comment=b"fuzz"), PACKET),
        "animated.gif": _encoded(frames[0], "GIF", **many),
        "binary.ppm": _encoded(rgb, "PPM"),
        "grey.pgm": _encoded(_picture("L"), "PPM"),
        "bits.pbm": _encoded(rgb.convert("1"), "PPM"),
        "odd.pgm": b"P5\n# odd\n24 17\n99\n" + (grey % 100).tobytes(),
        "text.pgm": b"P2\n24 17\n255\n" + b"\n".join(b" ".join(b"%d" % v for v in row) for row in grey),
        "text.pbm": b"P1\n# bits\n24 17\n" + b"\n".join(b" ".join(b"%d" % (v & 1) for v in row) for row in grey),
    }


def _bmp_of_runs() -> bytes:
    rows = b"".join(b"\x18" + bytes([row]) + b"\0\0" for row in range(17)) + b"\0\1"
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, 24, 17, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


def sources() -> dict[str, bytes]:
    """Files that hold a set of pictures, by name."""
    images = np.random.default_rng(2).integers(0, 256, (6, 9, 8, 3), np.uint8)
    arrays = {"images": images, "labels": np.arange(6) % 3}
    plain, packed, single = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(plain, **arrays)
    np.savez_compressed(packed, **arrays)
    np.save(single, images)
    idx = b"\0\0\x08\x03" + struct.pack(">3I", 6, 9, 8) + images[..., 0].tobytes()
    return {
        "plain.npz": plain.getvalue(),
        "packed.npz": packed.getvalue(),
        "single.npz": single.getvalue(),
        "stored.zip": _zip(zipfile.ZIP_STORED),
        "packed.zip": _zip(zipfile.ZIP_DEFLATED),
        "plain.tar": _tar("w:"),
        "packed.tar.gz": _tar("w:gz"),
        "packed.tar.xz": _tar("w:xz"),
        "train-images-idx3-ubyte": idx,
        "train-images-idx3-ubyte.gz": gzip.compress(idx, mtime=0),
    }


def _zip(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for number in range(4):
            archive.writestr(zipfile.ZipInfo(f"{'ab'[number % 2]}/{number}.png"), _encoded(_picture(), "PNG"), method)
        archive.writestr(zipfile.ZipInfo("labels.json"), json.dumps({"a/0.png": 1}), method)
    return content.getvalue()


def _tar(how: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=how, format=tarfile.PAX_FORMAT) as shard:  # type: ignore[call-overload]
        for number in range(4):
            record = json.dumps({"label": number % 2, "smiles": number % 2}).encode()
            for ending, data in (("png", _encoded(_picture(), "PNG")), ("json", record), ("cls", b"%d" % number)):
                member = tarfile.TarInfo(f"{'long/' * 30 if number == 3 else ''}{number:04d}.{ending}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))
    return content.getvalue()


def weights() -> dict[str, bytes]:
    """Files of weights, by name."""
    state = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.zeros(3), "b": torch.ones(2).half()}
    new, old, npz = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"model": state, "epoch": 3}, new)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    np.savez(npz, **{name: tensor.numpy() for name, tensor in state.items()})
    return {
        "new.pth": new.getvalue(),
        "old.pth": old.getvalue(),
        "arrays.pkl": pickle.dumps({"a": np.arange(6.0), "b": [1, {"c": "text"}]}, protocol=2),
        "arrays.npz": npz.getvalue(),
        "plain.safetensors": save(state, {"imagewright": json.dumps({"model": "vae"})}),
        "script.pt": _torchscript(),
    }


def _torchscript() -> bytes:
    """A TorchScript archive as `torch.jit.save` lays it out, without its program."""

    def name(module: str, what: str) -> bytes:
        return b"c" + module.encode() + b"\n" + what.encode() + b"\n"

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    storage = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x06tQ"
    tensor = name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + b"K\0K\x02K\x03\x86K\x03K\x01\x86\x89}tR"
    module = name("__torch__", "Net") + b")\x81}(" + text("weight") + tensor + b"ub"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02" + module + b".")
        archive.writestr("net/data/0", np.arange(6, dtype=np.float32).tobytes())
        archive.writestr("net/code/__torch__.py", "class Net(Module): pass")
    return content.getvalue()


def texts() -> dict[str, bytes]:
    """Tables of labels for the pictures of `sources`, by name."""
    return {
        "labels.json": json.dumps({f"{number}.png": {"smiles": number % 2} for number in range(4)}).encode(),
        "labels.csv": b"image,label,smiles\n" + b"".join(b"%d.png,cat,%d\n" % (n, n % 2) for n in range(4)),
    }
