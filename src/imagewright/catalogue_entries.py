"""The table of models: a line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Needs = Literal["pictures", "classes", "pairs", "two sets", "people"]


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    name: as users type it.
    target: the model's class, as "module:Class".
    family: the folder of `models/` that it is in.
    summary: what it is, in one line.
    paper: where it was published.
    verbs: the verbs of `capabilities.VERBS` that it answers.
    adapter: "module:ATTRIBUTE": how its published checkpoints are read, if there are any.
    sources: what it is trained on, in the example of its help.
    needs: what it asks for: any pictures, such with classes or attributes, pairs, two sets, or faces of two people.
    opener: "module:function": how `train` opens its sources, if they are more than pictures (`catalogue.OpenedSets`).
    """

    name: str
    target: str
    family: str
    summary: str
    paper: str
    verbs: tuple[str, ...]
    adapter: str | None = None
    sources: str = "photos/"
    opener: str | None = None
    needs: Needs = "pictures"


ENTRIES = (
    Entry(
        "pca",
        "imagewright.models.linear.pca:PCA",
        "linear",
        "principal component analysis (eigenfaces), in closed form and streamed",
        "Turk & Pentland 1991; Tipping & Bishop 1999",
        ("sample", "encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "ica",
        "imagewright.models.linear.ica:ICA",
        "linear",
        "independent component analysis: parts that add up to the picture",
        "Hyvarinen & Oja 2000; Bartlett et al. 2002",
        ("encode", "decode", "reconstruct"),
    ),
    Entry(
        "lda",
        "imagewright.models.linear.lda:LDA",
        "linear",
        "linear discriminant analysis after PCA, from labels (Fisherfaces)",
        "Belhumeur et al. 1997",
        ("encode", "decode", "reconstruct", "classify"),
        needs="classes",
    ),
    Entry(
        "random_projection",
        "imagewright.models.linear.random_projection:RandomProjection",
        "linear",
        "random projection, which preserves distances within a stated bound",
        "Johnson & Lindenstrauss 1984; Achlioptas 2003",
        ("encode", "decode", "reconstruct"),
    ),
    Entry(
        "feature_selection",
        "imagewright.models.linear.feature_selection:FeatureSelection",
        "linear",
        "feature selection: the pixels of highest variance, or of highest mutual information with the labels",
        "Cover & Thomas 2006",
        ("encode", "decode", "reconstruct"),
    ),
    Entry(
        "gmm",
        "imagewright.models.density.gmm:GMM",
        "density",
        "mixture of Gaussians in the latents of any encoder, the number of components by BIC",
        "Dempster et al. 1977; McLachlan & Peel 2000",
        ("sample", "encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "kde",
        "imagewright.models.density.kde:KDE",
        "density",
        "kernel density estimate: a Gaussian kernel at every picture's latent",
        "Parzen 1962; Silverman 1986",
        ("sample", "encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "gda",
        "imagewright.models.density.gda:GDA",
        "density",
        "Gaussian discriminant analysis: one Gaussian per class, linear or quadratic boundaries",
        "Fisher 1936; Friedman 1989; Ledoit & Wolf 2004",
        ("sample", "encode", "decode", "reconstruct", "score", "classify"),
        needs="classes",
    ),
    Entry(
        "naive_bayes",
        "imagewright.models.density.naive_bayes:NaiveBayes",
        "density",
        "naive Bayes: pixels, or latents, independent of each other within a class",
        "Duda & Hart 1973; Ng & Jordan 2001",
        ("sample", "decode", "score", "classify"),
        needs="classes",
    ),
    Entry(
        "logistic_regression",
        "imagewright.models.discriminative.logistic_regression:LogisticRegression",
        "discriminative",
        "logistic regression on latents: class probabilities without a density",
        "Cox 1958",
        ("classify",),
        needs="classes",
    ),
    Entry(
        "linear_svm",
        "imagewright.models.discriminative.linear_svm:LinearSVM",
        "discriminative",
        "linear support vector machines on latents, calibrated to probabilities",
        "Cortes & Vapnik 1995; Platt 1999",
        ("classify",),
        needs="classes",
    ),
    Entry(
        "jpeg",
        "imagewright.models.codec.jpeg:JPEG",
        "codec",
        "the JPEG standard, without training: quantised cosine transform of 8x8 blocks",
        "ITU-T T.81 (1992); Wallace 1991",
        ("encode", "decode", "reconstruct"),
    ),
    Entry(
        "autoencoder",
        "imagewright.models.autoencoding.autoencoder:Autoencoder",
        "autoencoding",
        "autoencoder, plain or denoising",
        "Hinton & Salakhutdinov 2006; Vincent et al. 2008",
        ("encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "vae",
        "imagewright.models.autoencoding.vae:VAE",
        "autoencoding",
        "variational autoencoder: an autoencoder with a prior to sample from",
        "Kingma & Welling 2013, arXiv:1312.6114",
        ("sample", "encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "vae_gan",
        "imagewright.models.autoencoding.vae_gan:VAEGAN",
        "autoencoding",
        "VAE with an adversarial loss, and a reconstruction loss in the discriminator's features",
        "Larsen et al. 2016",
        ("sample", "encode", "decode", "reconstruct", "score"),
    ),
    Entry(
        "dcgan",
        "imagewright.models.adversarial.dcgan:DCGAN",
        "adversarial",
        "deep convolutional GAN",
        "Radford et al. 2015, arXiv:1511.06434",
        ("sample", "decode", "score"),
        adapter="imagewright.checkpoints.adapters.dcgan:ADAPTER",
    ),
    Entry(
        "cgan",
        "imagewright.models.adversarial.cgan:CGAN",
        "adversarial",
        "conditional GAN: pictures of a wanted class, or with wanted attributes",
        "Mirza & Osindero 2014; Odena et al. 2017; Miyato & Koyama 2018",
        ("sample", "decode"),
        needs="classes",
    ),
    Entry(
        "biggan",
        "imagewright.models.adversarial.biggan:BigGAN",
        "adversarial",
        "class-conditional GAN at scale: norms by class, self-attention, truncation",
        "Brock et al. 2019, arXiv:1809.11096",
        ("sample", "decode"),
        "imagewright.checkpoints.adapters.biggan:BIGGAN",
        sources="classes/",
        needs="classes",
    ),
    Entry(
        "biggan_deep",
        "imagewright.models.adversarial.biggan_deep:BigGANDeep",
        "adversarial",
        "BigGAN of narrow blocks, four times as many layers",
        "Brock et al. 2019, arXiv:1809.11096",
        ("sample", "decode"),
        "imagewright.checkpoints.adapters.biggan:BIGGAN_DEEP",
        sources="classes/",
        needs="classes",
    ),
    Entry(
        "infogan",
        "imagewright.models.adversarial.infogan:InfoGAN",
        "adversarial",
        "GAN with interpretable latent codes, found without labels",
        "Chen et al. 2016, arXiv:1606.03657",
        ("sample", "decode", "score", "classify"),
    ),
    Entry(
        "progan",
        "imagewright.models.adversarial.progan:ProGAN",
        "adversarial",
        "GAN whose networks grow from 4x4 pixels to the full size",
        "Karras et al. 2018, arXiv:1710.10196",
        ("sample", "decode", "score"),
        adapter="imagewright.checkpoints.adapters.progan:ADAPTER",
    ),
    Entry(
        "stylegan",
        "imagewright.models.adversarial.stylegan:StyleGAN",
        "adversarial",
        "GAN that grows, with a style for each layer of the generator",
        "Karras et al. 2019, arXiv:1812.04948",
        ("sample", "decode", "score"),
        adapter="imagewright.checkpoints.adapters.stylegan:ADAPTER",
    ),
    Entry(
        "stylegan2",
        "imagewright.models.adversarial.stylegan2:StyleGAN2",
        "adversarial",
        "images from a style for each layer, with adaptive augmentation for small sets",
        "Karras et al. 2020, arXiv:1912.04958; Karras et al. 2020, arXiv:2006.06676",
        ("sample", "decode", "score"),
        "imagewright.checkpoints.adapters.stylegan2:STYLEGAN2",
    ),
    Entry(
        "stylegan3",
        "imagewright.models.adversarial.stylegan3:StyleGAN3",
        "adversarial",
        "images without aliasing, whose details move with what they are on",
        "Karras et al. 2021, arXiv:2106.12423",
        ("sample", "decode", "score"),
        "imagewright.checkpoints.adapters.stylegan3:STYLEGAN3",
    ),
    Entry(
        "r3gan",
        "imagewright.models.adversarial.r3gan:R3GAN",
        "adversarial",
        "GAN with a relativistic loss and plain modern networks",
        "Huang et al. 2024, arXiv:2501.05441",
        ("sample", "decode", "score"),
        adapter="imagewright.checkpoints.adapters.r3gan:R3GAN",
    ),
    Entry(
        "projected_gan",
        "imagewright.models.adversarial.projected_gan:ProjectedGAN",
        "adversarial",
        "GAN of small sets, whose discriminators see pictures through a fixed classifier",
        "Sauer et al. 2021, arXiv:2111.01007; Liu et al. 2021 (FastGAN)",
        ("sample", "decode"),
    ),
    Entry(
        "pix2pix",
        "imagewright.models.translation.pix2pix:Pix2Pix",
        "translation",
        "translation learned from pairs of images",
        "Isola et al. 2017, arXiv:1611.07004",
        ("translate",),
        "imagewright.checkpoints.adapters.image_to_image:PIX2PIX",
        sources="pairs/",
        needs="pairs",
    ),
    Entry(
        "pix2pixhd",
        "imagewright.models.translation.pix2pixhd:Pix2PixHD",
        "translation",
        "large pictures from pairs, or from label maps",
        "Wang et al. 2018, arXiv:1711.11585",
        ("translate",),
        "imagewright.checkpoints.adapters.pix2pixhd:PIX2PIXHD",
        sources="pairs/",
        needs="pairs",
    ),
    Entry(
        "cut",
        "imagewright.models.translation.cut:CUT",
        "translation",
        "translation from one set of images to another, by contrast of patches",
        "Park et al. 2020, arXiv:2007.15651",
        ("translate",),
        "imagewright.checkpoints.adapters.image_to_image:CUT",
        sources="a/ b/",
        needs="two sets",
    ),
    Entry(
        "cyclegan",
        "imagewright.models.translation.cyclegan:CycleGAN",
        "translation",
        "translation between two sets of images without pairs",
        "Zhu et al. 2017, arXiv:1703.10593",
        ("translate",),
        "imagewright.checkpoints.adapters.image_to_image:CYCLEGAN",
        sources="a/ b/",
        needs="two sets",
    ),
    Entry(
        "drit",
        "imagewright.models.translation.drit:DRIT",
        "translation",
        "translation in many styles between two sets without pairs: content and attribute",
        "Lee et al. 2018, arXiv:1808.00948; Lee et al. 2020, arXiv:1905.01270",
        ("translate",),
        "imagewright.checkpoints.adapters.drit:ADAPTER",
        sources="a/ b/",
        needs="two sets",
    ),
    Entry(
        "stargan",
        "imagewright.models.translation.stargan:StarGAN",
        "translation",
        "translation between many domains, or of attributes, by one generator",
        "Choi et al. 2018, arXiv:1711.09020",
        ("translate",),
        "imagewright.checkpoints.adapters.stargan:STARGAN",
        sources="classes/",
        needs="classes",
    ),
    Entry(
        "munit",
        "imagewright.models.translation.munit:MUNIT",
        "translation",
        "translation between two sets of images without pairs, in many styles",
        "Huang et al. 2018, arXiv:1804.04732",
        ("translate",),
        "imagewright.checkpoints.adapters.content_style:MUNIT",
        sources="a/ b/",
        needs="two sets",
    ),
    Entry(
        "unit",
        "imagewright.models.translation.unit:UNIT",
        "translation",
        "translation between two sets of images by a latent space that both share",
        "Liu et al. 2017, arXiv:1703.00848",
        ("translate",),
        "imagewright.checkpoints.adapters.content_style:UNIT",
        sources="a/ b/",
        needs="two sets",
    ),
    Entry(
        "funit",
        "imagewright.models.translation.funit:FUNIT",
        "translation",
        "translation to classes never seen, from a few pictures of each",
        "Liu et al. 2019, arXiv:1905.01723",
        ("translate",),
        "imagewright.checkpoints.adapters.few_shot:FUNIT",
        sources="classes/",
        needs="classes",
    ),
    Entry(
        "stargan_v2",
        "imagewright.models.translation.stargan_v2:StarGANv2",
        "translation",
        "translation between many domains in sampled styles, or those of references",
        "Choi et al. 2020, arXiv:1912.01865",
        ("translate",),
        "imagewright.checkpoints.adapters.stargan_v2:STARGAN_V2",
        sources="classes/",
        needs="classes",
    ),
    Entry(
        "swap",
        "imagewright.models.faces.swap_autoencoder:SwapAutoencoder",
        "faces",
        "face swapping between two people: a shared encoder, and each person's own decoder",
        "Perov et al. 2020, arXiv:2005.05535 (DeepFaceLab)",
        ("translate",),
        sources="faces-of-source/ faces-of-target/",
        opener="imagewright.face_swap.training_sets:open_training_sets",
        needs="people",
    ),
)
