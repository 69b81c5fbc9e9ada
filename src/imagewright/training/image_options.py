"""Options of `train` that say how pictures are read: what each does, for the command line and for pages."""

from __future__ import annotations

OF_IMAGES = {
    "size": "64, or WIDTHxHEIGHT; by default the source's own, or a smaller one that is learned in the time",
    "channels": "1 grey, 3 RGB, 4 RGBA; the source's own by default",
    "image_layers": "layers of each picture, such as input,target: sub-folders of these names, or side by side "
    "in files",
    "layer_kinds": "layers that are label or instance maps, such as labels=labels:35,ids=ids",
    "direction": "the input of a pair: A, or the left half (AtoB); or the other (BtoA)",
    "domains": "two classes of one source, or an attribute: pictures without and with it; cat,dog or Smiling",
    "crop": "the part of pictures with another aspect ratio that is used; none: change the aspect ratio instead",
    "load_size": "pictures are resized to it (286: the shorter side, or WIDTHxHEIGHT), and cropped to "
    "--size at random; the model's recipe by default, --size itself for none",
    "flip": "mirror pictures at random, or never; the model's recipe by default",
    "label_column": "the column of the labels, by default by its name; age:18,65 makes classes of ranges",
    "attributes": "the attributes that are learned, such as Smiling,Eyeglasses; all of the table by default",
    "split": "a part of the source, such as train",
}
