// A sheet of pixels that is drawn on without soft edges: each pixel has a colour, and on label maps a class.
const MOST_STEPS_BACK = 30;

class Raster {
  constructor(width, height, palette, ground) {
    Object.assign(this, { width, height, palette });
    this.image = new ImageData(width, height);
    this.classes = new Uint8Array(width * height);
    this.before = [];
    this.fillAll(ground);
  }

  fillAll(number) {
    for (let at = 0; at < this.classes.length; at++) this.put(at, number);
  }

  put(at, number) {
    this.classes[at] = number;
    this.image.data.set([...this.palette[number], 255], 4 * at);
  }

  remember() {
    this.before.push([this.image.data.slice(), this.classes.slice()]);
    if (this.before.length > MOST_STEPS_BACK) this.before.shift();
  }

  undo() {
    const last = this.before.pop();
    if (!last) return;
    this.image.data.set(last[0]);
    this.classes.set(last[1]);
  }

  // A line of a round pen, in pixels of the sheet.
  line([fromX, fromY], [toX, toY], radius, number) {
    const steps = Math.max(1, Math.ceil(2 * Math.hypot(toX - fromX, toY - fromY)));
    for (let step = 0; step <= steps; step++) {
      const x = fromX + ((toX - fromX) * step) / steps, y = fromY + ((toY - fromY) * step) / steps;
      for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(this.height - 1, y + radius); row++) {
        for (let column = Math.max(0, Math.floor(x - radius)); column <= Math.min(this.width - 1, x + radius); column++) {
          if ((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= Math.max(0.5, radius ** 2)) this.put(row * this.width + column, number);
        }
      }
    }
  }

  // The connected pixels of one colour, from a point on.
  fill([x, y], number) {
    const colours = new Uint32Array(this.image.data.buffer), start = Math.floor(y) * this.width + Math.floor(x), wanted = colours[start];
    const reached = new Uint8Array(colours.length), open = [start];
    while (open.length) {
      const at = open.pop();
      if (reached[at] || colours[at] !== wanted) continue;
      reached[at] = 1;
      const column = at % this.width;
      if (column > 0) open.push(at - 1);
      if (column < this.width - 1) open.push(at + 1);
      if (at >= this.width) open.push(at - this.width);
      if (at < colours.length - this.width) open.push(at + this.width);
    }
    for (let at = 0; at < reached.length; at++) if (reached[at]) this.put(at, number);
  }

  // A photo, cut to the sheet's sides; on label maps each pixel becomes the class of the nearest colour.
  async take(file, labelled) {
    const photo = await createImageBitmap(file);
    const canvas = h("canvas", { width: this.width, height: this.height }), context = canvas.getContext("2d");
    const scale = Math.max(this.width / photo.width, this.height / photo.height);
    context.imageSmoothingEnabled = !labelled;
    context.imageSmoothingQuality = "high";
    context.fillStyle = "white";
    context.fillRect(0, 0, this.width, this.height);
    context.drawImage(photo, (this.width - photo.width * scale) / 2, (this.height - photo.height * scale) / 2, photo.width * scale, photo.height * scale);
    const taken = context.getImageData(0, 0, this.width, this.height);
    if (!labelled) return void this.image.data.set(taken.data);
    for (let at = 0; at < this.classes.length; at++) {
      const distances = this.palette.map((colour) => colour.reduce((sum, level, channel) => sum + (level - taken.data[4 * at + channel]) ** 2, 0));
      this.put(at, distances.indexOf(Math.min(...distances)));
    }
  }
}
