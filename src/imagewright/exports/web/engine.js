// The model: parts of this file are unpacked, and graphs are computed by onnxruntime-web in WebAssembly.
const facts = JSON.parse(document.getElementById("facts").textContent);

async function unpack(name) {
  const element = document.getElementById(`part-${name}`);
  const text = atob(element.textContent);
  element.remove(); // its text takes more memory than what it holds
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackNumbers(name) {
  return name in facts.tensors ? new Float32Array((await unpack(name)).buffer) : null;
}

// Graphs, one computation at a time.
class Engine {
  async start() {
    const address = URL.createObjectURL(new Blob([await unpack("module")], { type: "text/javascript" }));
    this.runtime = await import(address);
    URL.revokeObjectURL(address);
    this.runtime.env.wasm.wasmBinary = (await unpack("binary")).buffer;
    this.runtime.env.wasm.numThreads = 1;
    this.runtime.env.logLevel = "error";
    this.sessions = [];
    for (let number = 0; number < facts.graphs; number++) {
      this.sessions.push(await this.runtime.InferenceSession.create(await unpack(`graph-${number}`), { executionProviders: ["wasm"] }));
    }
    this.last = Promise.resolve();
  }

  // The pixels of a picture, as ImageData: inputs are { name: [type, numbers, shape] }.
  run(number, inputs) {
    const work = async () => {
      const feeds = {};
      for (const [name, given] of Object.entries(inputs)) feeds[name] = new this.runtime.Tensor(...given);
      const results = await this.sessions[number].run(feeds);
      return toImageData(results.images.data, results.images.dims);
    };
    this.last = this.last.then(work, work);
    return this.last;
  }
}

// Numbers (1, C, H, W) from -1 to 1 as pixels, rounded to the nearest level.
function toImageData(numbers, [, channels, height, width]) {
  const image = new ImageData(width, height), plane = height * width;
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * at + channel] = Math.round((numbers[(channels > 2 ? channel : 0) * plane + at] + 1) * 127.5);
    }
    image.data[4 * at + 3] = channels === 4 ? Math.round((numbers[3 * plane + at] + 1) * 127.5) : 255;
  }
  return image;
}

// Answers the newest wish as soon as the one before is answered; wishes in between are dropped.
class NewestWish {
  constructor(answer) {
    this.answer = answer;
    this.busy = false;
    this.waiting = false;
  }

  async wish() {
    if (this.busy) {
      this.waiting = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.waiting = false;
        await this.answer();
      } while (this.waiting);
    } finally {
      this.busy = false;
    }
  }
}

const times = [];
function tellTime(milliseconds) {
  times.push(milliseconds);
  if (times.length > 31) times.shift();
  const middle = [...times].sort((one, other) => one - other)[times.length >> 1];
  document.documentElement.dataset.milliseconds = middle.toFixed(1);
  document.getElementById("speed").textContent = `${middle < 10 ? middle.toFixed(1) : Math.round(middle)} ms a picture, computed here. Nothing is sent anywhere.`;
}
