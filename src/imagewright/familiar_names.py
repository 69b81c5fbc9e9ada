"""Names of options and commands in other programs, and what they are called here."""

from __future__ import annotations

from collections.abc import Iterable

from imagewright.errors import nearest_name

# The option here, and what to know besides.
FAMILIAR: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("lr", "rate", "learnrate", "alpha"), ("learning_rate", "")),
    **dict.fromkeys(
        ("epochs", "epoch", "n_epochs", "num_epochs", "max_epochs", "niter"),
        ("images_seen", "images seen are epochs times pictures"),
    ),
    **dict.fromkeys(
        ("steps", "iterations", "iters", "max_steps", "num_steps", "n_steps", "n_iter", "n_iters"),
        ("images_seen", "images seen are steps times batch size"),
    ),
    "kimg": ("images_seen", "one kimg is 1k images"),
    **dict.fromkeys(("time", "hours", "duration"), ("minutes", "")),
    **dict.fromkeys(("bs", "batch", "bsize", "batchsize", "mbs"), ("batch_size", "")),
    **dict.fromkeys(("accumulate", "grad_accum", "gradient_accumulation"), ("micro_batch", "images in memory at once")),
    **dict.fromkeys(
        ("img_size", "image_size", "imsize", "im_size", "resolution", "res", "load_size", "crop_size"), ("size", "")
    ),
    **dict.fromkeys(("nz", "z", "z_dim", "zdim", "latent", "latent_size", "latents", "dim_z"), ("latent_dim", "")),
    **dict.fromkeys(("ngf", "ndf", "nf", "base_channels", "features", "filters"), ("width", "")),
    **dict.fromkeys(("gpu", "gpus", "cuda", "gpu_ids"), ("device", "cuda, or cpu")),
    **dict.fromkeys(("amp", "fp16", "bf16", "mixed_precision", "half"), ("precision", "bf16, fp16 or fp32")),
    **dict.fromkeys(("ema", "ema_decay", "ema_rate"), ("ema_half_life", "images; 0 for no average")),
    **dict.fromkeys(
        ("n", "num", "samples", "num_samples", "n_samples", "nsamples", "num_images", "number"), ("count", "")
    ),
    **dict.fromkeys(
        ("o", "output", "outdir", "out_dir", "output_dir", "save", "save_dir", "results_dir", "logdir", "name"),
        ("out", ""),
    ),
    **dict.fromkeys(("overwrite", "replace", "yes", "y", "f"), ("force", "")),
    **dict.fromkeys(("restart", "continue", "continue_train", "checkpoint", "ckpt"), ("resume", "")),
    **dict.fromkeys(("trunc", "psi", "truncation_psi"), ("truncation", "")),
    **dict.fromkeys(("cls", "class", "y_label", "class_idx", "category"), ("label", "")),
    **dict.fromkeys(("random_seed", "manual_seed", "rng", "random_state", "seeds"), ("seed", "")),
    **dict.fromkeys(("snap", "save_every", "snapshot"), ("checkpoint_every", "images between two checkpoints")),
    **dict.fromkeys(("log_every", "sample_every", "log_interval"), ("report_every", "images between two reports")),
    **dict.fromkeys(("grad_clip", "clip_grad", "max_norm"), ("clip", "")),
    **dict.fromkeys(("aug", "diffaug", "diffaugment", "ada"), ("augmentation", "")),
    **dict.fromkeys(("mirror", "hflip", "x_flip"), ("flip", "")),
    **dict.fromkeys(("metric", "fid"), ("metrics", "")),
    **dict.fromkeys(("n_clusters", "num_clusters", "k"), ("clusters", "")),
    **dict.fromkeys(("n_components", "num_components"), ("components", "")),
}


# Commands of other programs, and what they are called here.
COMMANDS: dict[str, str] = {
    **dict.fromkeys(
        ("generate", "generation", "gen", "fake", "synthesize", "synthesise", "sampling", "make"), "sample"
    ),
    **dict.fromkeys(
        ("fid", "kid", "eval", "evaluation", "validate", "val", "test", "benchmark", "metric", "lpips"), "evaluate"
    ),
    **dict.fromkeys(("fit", "learn", "training", "finetune", "new", "start"), "train"),
    **dict.fromkeys(("rebuild", "recon", "denoise", "autoencode", "restore"), "reconstruct"),
    **dict.fromkeys(("morph", "lerp", "slerp", "interp", "blend", "walk"), "interpolate"),
    **dict.fromkeys(("anomaly", "anomalies", "anomaly-detection", "outlier", "odd"), "outliers"),
    **dict.fromkeys(("predict", "classifier", "recognize", "recognise"), "classify"),
    **dict.fromkeys(("kmeans", "tsne", "umap", "clusters", "clustering"), "cluster"),
    **dict.fromkeys(("info", "show", "describe", "stat", "stats", "view"), "inspect"),
    **dict.fromkeys(("invert", "inversion", "project", "encode", "embed"), "latent project"),
    **dict.fromkeys(("manipulate", "change", "modify"), "edit"),
    **dict.fromkeys(("stylize", "stylise", "transfer", "img2img", "convert"), "translate"),
    **dict.fromkeys(("check", "verify", "validate-data"), "data check"),
    **dict.fromkeys(("grid", "montage", "contact-sheet"), "data grid"),
    **dict.fromkeys(("prepare", "preprocess", "dataset", "resize"), "data prepare"),
    **dict.fromkeys(("load", "checkpoint"), "import"),
    **dict.fromkeys(("list", "ls", "zoo"), "models"),
    **dict.fromkeys(("diagnose", "debug"), "doctor"),
    **dict.fromkeys(("diff", "comparison"), "compare"),
    "attribute": "latent attribute",
    "direction": "latent directions",
    "directions": "latent directions",
    "traverse": "latent traverse",
    "neighbours": "latent neighbours",
    "neighbors": "latent neighbours",
}


def suggest_option(wrong: str, known: Iterable[str]) -> str:
    """A sentence on the option that was probably meant, with a space before it; "" if no option is near.

    wrong: as it was typed, without dashes at the start: "lr", "batch-size".
    known: names of options as in Python. The sentence names one of them in the same way.
    """
    known = list(known)
    name = wrong.replace("-", "_")
    option, remark = FAMILIAR.get(name.lower(), ("", ""))
    if option in known and option != name:
        return f" It is called {option!r} here{f' ({remark})' if remark else ''}."
    return nearest_name(name, known)
