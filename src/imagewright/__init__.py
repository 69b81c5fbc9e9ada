"""imagewright: learn a folder of images, make new ones, and see how well. Every method behind the same few verbs.

    import imagewright as iw
    images = iw.open_images("photos/", size=64)
    run = iw.train("vae", images, out="runs/photos")
    faces = iw.sample(run, 16, seed=0)

Importing the package imports nothing heavy: each name below is fetched when it is first used.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as `typing` has it, whose import would delay the handler of Ctrl-C of each command

__version__ = "0.1.0"


def _let_waiting_threads_sleep() -> None:
    """Set how PyTorch's threads wait for one another, unless the user did. It counts if torch is not imported yet.

    Threads that spin while they wait keep the thread that they wait for from running, on a machine with other work.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


_let_waiting_threads_sleep()

_HOME = {
    "open_images": "imagewright.images",
    "Images": "imagewright.images",
    "Layer": "imagewright.images",
    "Batch": "imagewright.images",
    "check": "imagewright.images",
    "measure_sprites": "imagewright.images.shapes.measuring",
    "measure_heads": "imagewright.faces.drawn.measuring",
    "make_shapes": "imagewright.shape_files.make",
    "duplicates": "imagewright.images.checks.duplicates",
    "caches": "imagewright.images.cache.management",
    "clear_caches": "imagewright.images.cache.management",
    "tour": "imagewright.tours.tour",
    "train": "imagewright.training.train",
    "plan_training": "imagewright.training.forecast",
    "choose_model": "imagewright.training.choosing",
    "Stopped": "imagewright.training.train",
    "Observer": "imagewright.training.observers",
    "StopRequest": "imagewright.training.signals",
    "Run": "imagewright.runs.run",
    "load": "imagewright.runs.loading",
    "sample": "imagewright.verbs",
    "encode": "imagewright.verbs",
    "decode": "imagewright.verbs",
    "reconstruct": "imagewright.verbs",
    "score": "imagewright.verbs",
    "classify": "imagewright.verbs",
    "translate": "imagewright.verbs.translate",
    "interpolate": "imagewright.latent.walks.interpolate",
    "blend": "imagewright.latent.walks.blend",
    "traverse": "imagewright.latent.walks.traverse",
    "manifold": "imagewright.latent.walks.plane",
    "directions": "imagewright.latent.directions.directions",
    "neighbours": "imagewright.latent.neighbours.neighbours",
    "project": "imagewright.latent.projection.project",
    "drag": "imagewright.latent.dragging.drag",
    "attribute": "imagewright.latent.attributes.find",
    "latent_factors": "imagewright.latent.factors.factors",
    "arithmetic": "imagewright.latent.arithmetic.arithmetic",
    "edit": "imagewright.latent.editing.edit",
    "components": "imagewright.analysis.components.components",
    "cluster": "imagewright.analysis.clusters.clusters",
    "outliers": "imagewright.analysis.outliers.outliers",
    "compress": "imagewright.analysis.compression.comparison",
    "compare_classifiers": "imagewright.analysis.classifiers.comparison",
    "encode_jpeg": "imagewright.codecs.jpeg.codec",
    "decode_jpeg": "imagewright.codecs.jpeg.codec",
    "lesson": "imagewright.lessons.base",
    "list_lessons": "imagewright.lessons",
    "gan_laboratory": "imagewright.lessons.laboratory.laboratory",
    "sharing_work": "imagewright.shared_work",
    "evaluate": "imagewright.metrics.evaluate",
    "open_features": "imagewright.metrics.features.run_features",
    "compare": "imagewright.metrics.comparison",
    "self_check": "imagewright.metrics.self_check.check",
    "list_metrics": "imagewright.metrics.registry",
    "film": "imagewright.films.film",
    "doctor": "imagewright.training.doctor.findings",
    "import_checkpoint": "imagewright.checkpoints",
    "load_network": "imagewright.checkpoints",
    "export": "imagewright.exports.export",
    "inspect": "imagewright.inspection",
    "list_models": "imagewright.catalogue",
    "list_options": "imagewright.training.option_list",
    "Sheet": "imagewright.output.sheets",
    "show": "imagewright.output.showing",
    "sign": "imagewright.output.signing",
    "save": "imagewright.output.showing",
    "sample_sheet": "imagewright.verbs.sheets",
    "reconstruction_sheet": "imagewright.verbs.sheets",
    "score_sheet": "imagewright.verbs.sheets",
    "translation_sheet": "imagewright.verbs.translation_sheets",
    "write_walk": "imagewright.latent.walks.video",
    "write_interpolation": "imagewright.latent.walks.walk_sheets",
    "write_translations": "imagewright.verbs.translation_sheets",
    "translate_video": "imagewright.verbs.translation_video",
    "interpolation_sheet": "imagewright.latent.walks.walk_sheets",
    "blend_sheet": "imagewright.latent.walks.walk_sheets",
    "mix_styles": "imagewright.latent.styles.mixing",
    "mixing_sheet": "imagewright.latent.styles.mixing",
    "truncation_sheet": "imagewright.latent.styles.truncation",
    "vary_noise": "imagewright.latent.styles.noise",
    "edit_sheet": "imagewright.latent.editing.sheet",
    "grid_sheet": "imagewright.output.image_grid",
    "make_pairs": "imagewright.pairs",
    "write_shards": "imagewright.shard_files.write",
    "make_set": "imagewright.analysis.picture_sets",
    "align_faces": "imagewright.face_crops.align",
    "check_swap": "imagewright.face_swap.check.check",
    "extract_faces": "imagewright.face_swap.extraction.extract",
    "check_faces": "imagewright.face_swap.face_set_report",
    "sort_faces": "imagewright.face_swap.sorting.sort",
    "swap_faces": "imagewright.face_swap.convert.convert",
    "get_weights": "imagewright.pretrained.weight_sets",
    "list_weights": "imagewright.pretrained.weight_sets",
    "add_weights": "imagewright.pretrained.weight_sets",
    "model_card": "imagewright.hub.card",
    "push": "imagewright.hub.push",
    "pull": "imagewright.hub.pull",
    "list_latents": "imagewright.latent.listing",
    "open_studio": "imagewright.studio.serve",
    "ImagewrightError": "imagewright.errors",
    "UserError": "imagewright.errors",
}

# Written out, since type checkers do not compute it.
__all__ = [
    "Batch",
    "Images",
    "ImagewrightError",
    "Layer",
    "Observer",
    "Run",
    "Sheet",
    "StopRequest",
    "Stopped",
    "UserError",
    "__version__",
    "add_weights",
    "align_faces",
    "arithmetic",
    "attribute",
    "blend",
    "blend_sheet",
    "caches",
    "check",
    "check_faces",
    "check_swap",
    "choose_model",
    "classify",
    "clear_caches",
    "cluster",
    "compare",
    "compare_classifiers",
    "components",
    "compress",
    "decode",
    "decode_jpeg",
    "directions",
    "doctor",
    "drag",
    "duplicates",
    "edit",
    "edit_sheet",
    "encode",
    "encode_jpeg",
    "evaluate",
    "export",
    "extract_faces",
    "film",
    "gan_laboratory",
    "get_weights",
    "grid_sheet",
    "import_checkpoint",
    "inspect",
    "interpolate",
    "interpolation_sheet",
    "latent_factors",
    "lesson",
    "list_latents",
    "list_lessons",
    "list_metrics",
    "list_models",
    "list_options",
    "list_weights",
    "load",
    "load_network",
    "make_pairs",
    "make_set",
    "make_shapes",
    "manifold",
    "measure_heads",
    "measure_sprites",
    "mix_styles",
    "mixing_sheet",
    "model_card",
    "neighbours",
    "open_features",
    "open_images",
    "open_studio",
    "outliers",
    "plan_training",
    "project",
    "pull",
    "push",
    "reconstruct",
    "reconstruction_sheet",
    "sample",
    "sample_sheet",
    "save",
    "score",
    "score_sheet",
    "self_check",
    "sharing_work",
    "show",
    "sign",
    "sort_faces",
    "swap_faces",
    "tour",
    "train",
    "translate",
    "translate_video",
    "translation_sheet",
    "traverse",
    "truncation_sheet",
    "vary_noise",
    "write_interpolation",
    "write_shards",
    "write_translations",
    "write_walk",
]

if TYPE_CHECKING:
    from typing import Any

    from imagewright.analysis.classifiers.comparison import compare_classifiers
    from imagewright.analysis.clusters.clusters import cluster
    from imagewright.analysis.components.components import components
    from imagewright.analysis.compression.comparison import compress
    from imagewright.analysis.outliers.outliers import outliers
    from imagewright.analysis.picture_sets import make_set
    from imagewright.catalogue import list_models
    from imagewright.checkpoints import import_checkpoint, load_network
    from imagewright.codecs.jpeg.codec import decode_jpeg, encode_jpeg
    from imagewright.errors import ImagewrightError, UserError
    from imagewright.exports.export import export
    from imagewright.face_crops.align import align_faces
    from imagewright.face_swap.check.check import check_swap
    from imagewright.face_swap.convert.convert import swap_faces
    from imagewright.face_swap.extraction.extract import extract_faces
    from imagewright.face_swap.face_set_report import check_faces
    from imagewright.face_swap.sorting.sort import sort_faces
    from imagewright.faces.drawn.measuring import measure_heads
    from imagewright.films.film import film
    from imagewright.hub.card import model_card
    from imagewright.hub.pull import pull
    from imagewright.hub.push import push
    from imagewright.images import Batch, Images, Layer, check, open_images
    from imagewright.images.cache.management import caches, clear_caches
    from imagewright.images.checks.duplicates import duplicates
    from imagewright.images.shapes.measuring import measure_sprites
    from imagewright.inspection import inspect
    from imagewright.latent.arithmetic.arithmetic import arithmetic
    from imagewright.latent.attributes.find import attribute
    from imagewright.latent.directions.directions import directions
    from imagewright.latent.dragging.drag import drag
    from imagewright.latent.editing.edit import edit
    from imagewright.latent.editing.sheet import edit_sheet
    from imagewright.latent.factors.factors import latent_factors
    from imagewright.latent.listing import list_latents
    from imagewright.latent.neighbours.neighbours import neighbours
    from imagewright.latent.projection.project import project
    from imagewright.latent.styles.mixing import mix_styles, mixing_sheet
    from imagewright.latent.styles.noise import vary_noise
    from imagewright.latent.styles.truncation import truncation_sheet
    from imagewright.latent.walks.blend import blend
    from imagewright.latent.walks.interpolate import interpolate
    from imagewright.latent.walks.plane import manifold
    from imagewright.latent.walks.traverse import traverse
    from imagewright.latent.walks.video import write_walk
    from imagewright.latent.walks.walk_sheets import blend_sheet, interpolation_sheet, write_interpolation
    from imagewright.lessons import list_lessons
    from imagewright.lessons.base import lesson
    from imagewright.lessons.laboratory.laboratory import gan_laboratory
    from imagewright.metrics.comparison import compare
    from imagewright.metrics.evaluate import evaluate
    from imagewright.metrics.features.run_features import open_features
    from imagewright.metrics.registry import list_metrics
    from imagewright.metrics.self_check.check import self_check
    from imagewright.output.image_grid import grid_sheet
    from imagewright.output.sheets import Sheet
    from imagewright.output.showing import save, show
    from imagewright.output.signing import sign
    from imagewright.pairs import make_pairs
    from imagewright.pretrained.weight_sets import add_weights, get_weights, list_weights
    from imagewright.runs.loading import load
    from imagewright.runs.run import Run
    from imagewright.shape_files.make import make_shapes
    from imagewright.shard_files.write import write_shards
    from imagewright.shared_work import sharing_work
    from imagewright.studio.serve import open_studio
    from imagewright.tours.tour import tour
    from imagewright.training.choosing import choose_model
    from imagewright.training.doctor.findings import doctor
    from imagewright.training.forecast import plan_training
    from imagewright.training.observers import Observer
    from imagewright.training.option_list import list_options
    from imagewright.training.signals import StopRequest
    from imagewright.training.train import Stopped, train
    from imagewright.verbs import classify, decode, encode, reconstruct, sample, score
    from imagewright.verbs.sheets import reconstruction_sheet, sample_sheet, score_sheet
    from imagewright.verbs.translate import translate
    from imagewright.verbs.translation_sheets import translation_sheet, write_translations
    from imagewright.verbs.translation_video import translate_video


def __getattr__(name: str) -> Any:
    import importlib

    if name == "models":  # a sub-package, which can be called as well
        return importlib.import_module("imagewright.models")
    if name not in _HOME:
        raise AttributeError(f"module 'imagewright' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
