// Latents: those of the package's seeds, those that the page samples itself, blends, directions and conditions.
class Latents {
  async open() {
    for (const name of ["seeds", "saved", "directions", "mean", "factor"]) this[name] = await unpackNumbers(name);
    this.size = facts.shape.reduce((product, side) => product * side, 1);
    this.places = facts.parts.flatMap((part) => (part.kind === "normal" && !part.code ? range(part.start, part.stop) : []));
  }

  // { kind: "seed", number }: the package's own latent of that seed; "saved": one saved in the run; "own": of the page.
  of({ kind, number }, classNumber) {
    if (kind === "saved") return this.saved.slice(number * this.size, (number + 1) * this.size);
    const row = facts.class_in_latent || !facts.classes?.length ? 0 : classNumber;
    const start = (row * facts.seeds + (kind === "seed" ? number : 0)) * this.size;
    const latent = this.seeds.slice(start, start + this.size);
    return kind === "seed" ? latent : this.sampled(latent, number);
  }

  // The page's own sample: mulberry32 and Box and Muller, which give other numbers than the package's seeds.
  sampled(latent, seed) {
    const random = uniforms(seed), normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const noise = this.places.map(normal);
    for (const [row, place] of this.places.entries()) {
      if (facts.own === "normal") latent[place] = noise[row];
      else {
        latent[place] = this.mean[row];
        for (let column = 0; column < noise.length; column++) latent[place] += this.factor[row * noise.length + column] * noise[column];
      }
    }
    for (const part of facts.parts) {
      if (part.kind === "uniform") for (const place of range(part.start, part.stop)) latent[place] = 2 * random() - 1;
      if (part.kind === "category" && part.code) latent.fill(0, part.start, part.stop)[part.start + Math.floor(random() * (part.stop - part.start))] = 1;
    }
    return latent;
  }

  // The mean of four latents; of normal noise with the mean of their lengths, as imagewright blends.
  blend(corners, [x, y]) {
    const weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
    const mean = new Float32Array(this.size);
    for (const [corner, latent] of corners.entries()) for (let at = 0; at < this.size; at++) mean[at] += weights[corner] * latent[at];
    if (facts.spherical) {
      const [start, stop] = facts.spherical;
      const lengthOf = (latent) => Math.hypot(...latent.subarray(start, stop));
      const wanted = corners.reduce((sum, latent, corner) => sum + weights[corner] * lengthOf(latent), 0), length = lengthOf(mean);
      if (length > 1e-4 * wanted) for (let at = start; at < stop; at++) mean[at] *= wanted / length;
    }
    return mean;
  }

  // A latent moved along the directions, each by so many standard deviations.
  moved(latent, strengths) {
    const moved = latent.slice();
    for (const [number, strength] of strengths.entries()) {
      if (strength) for (let at = 0; at < this.size; at++) moved[at] += strength * this.directions[number * this.size + at];
    }
    return moved;
  }
}

const range = (start, stop) => Array.from({ length: stop - start }, (_, number) => start + number);

// Mulberry32: numbers from 0 to 1 of a seed.
function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
