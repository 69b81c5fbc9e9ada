"""The record in videos of other containers than MP4."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import imagewright as iw
from imagewright.output.provenance import COMPOSITE, make_record, mp4_box, to_xmp


def test_other_containers_are_read_too(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    record = make_record("swap", model="swap", source_type=COMPOSITE)
    for suffix, comment, expected in (
        (".mkv", json.dumps(record), record),
        (".mkv", "a walk", None),
        (".mkv", '{"a": 1}', None),
        (".mov", "", record),
    ):
        path = tmp_path / f"swapped{suffix}"
        with av.open(str(path), "w") as container:
            container.metadata["comment"] = comment
            stream = container.add_stream("mpeg4", rate=12)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")))
            container.mux(stream.encode(None))
        if suffix == ".mov":
            with path.open("ab") as file:
                file.write(mp4_box(to_xmp(record)))
        assert iw.inspect(path)["provenance"] == expected
    (tmp_path / "broken.mkv").write_bytes(b"\x1aE\xdf\xa3")
    with pytest.raises(iw.UserError, match=r"broken.mkv cannot be read"):
        iw.inspect(tmp_path / "broken.mkv")
