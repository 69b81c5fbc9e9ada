"""What each method of a tour is, and what to look for: two or three sentences for someone who meets it first."""

from __future__ import annotations

ABOUT = {
    "set": "What is in the pictures before anything is learned: groups of similar ones, and those that differ most "
    "from the others. Look for groups that you did not expect, and for pictures that do not belong.",
    "pca": "Each picture is the mean plus weighted components, the directions along which the pictures differ most "
    "(Turk and Pentland 1991). Few components keep light and large shapes, many keep edges; weights drawn from a "
    "normal distribution give new pictures, which are blurred blends. Every later method should do better than these.",
    "autoencoder": "A network squeezes each picture into a short code, and another rebuilds the picture from it "
    "(Hinton and Salakhutdinov 2006). Compare the rows: what is lost is what the code had no room for. It does not "
    "sample, since nothing says which codes are likely.",
    "vae": "An autoencoder whose codes fill a normal distribution, so that any code decodes to a picture (Kingma and "
    "Welling 2013). Neighbours on the plane are alike, and between them one turns into the other. Its pictures are "
    "soft, as it averages over all pictures that a code could mean.",
    "dcgan": "Two networks compete: one makes pictures, the other tells them from real ones (Goodfellow et al. 2014; "
    "Radford et al. 2015). Look for sharp detail that a VAE lacks, and for samples that repeat one another: that is "
    "mode collapse.",
    "r3gan": "Two networks compete: one makes pictures, the other tells them from real ones, compared in pairs, which "
    "keeps the training stable (Huang et al. 2024). Look for sharp detail that a VAE lacks, and for samples that "
    "repeat one another.",
    "stylegan2": "Two networks compete, and the generator draws a picture in layers, each with a style (Karras et al. "
    "2020). Its augmentation adapts to small sets, which other GANs learn by heart. Look for detail, and for samples "
    "that repeat one another.",
    "vae_gan": "A VAE that is judged by the features of a discriminator instead of pixel by pixel (Larsen et al. "
    "2016). Its reconstructions may move edges a little, but keep texture; compare them with those of the VAE.",
    "cgan": "A GAN that is told the class of each picture, and then makes pictures of the class that you ask for "
    "(Mirza and Osindero 2014). Each row is a class; if rows look alike, the class was not learned yet.",
    "pix2pix": "It learns from pairs to make the second picture from the first (Isola et al. 2017). Compare what it "
    "made with the picture that belongs there.",
    "cut": "It makes pictures of the first set look like those of the second, without pairs, and keeps what each patch "
    "shows (Park et al. 2020). Look for shapes that stay and for a look that changes.",
}

LABELS = {
    "pca": "Eigenfaces",
    "autoencoder": "Autoencoder",
    "vae": "VAE",
    "dcgan": "DCGAN",
    "r3gan": "R3GAN",
    "stylegan2": "StyleGAN2",
    "vae_gan": "VAE-GAN",
    "cgan": "Conditional GAN",
    "pix2pix": "pix2pix",
    "cut": "CUT",
}
"""Short names, for the rows of samples, the table of scores and sentences."""
