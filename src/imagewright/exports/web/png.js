// A canvas as a PNG file with its provenance as XMP, in the chunk that imagewright itself writes.
const CRC = Uint32Array.from({ length: 256 }, (_, number) => {
  for (let bit = 0; bit < 8; bit++) number = number & 1 ? 0xedb88320 ^ (number >>> 1) : number >>> 1;
  return number;
});

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunkOf(kind, content) {
  const chunk = new Uint8Array(12 + content.length), view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set(new TextEncoder().encode(kind), 4);
  chunk.set(content, 8);
  view.setUint32(8 + content.length, checksum(chunk.subarray(4, 8 + content.length)));
  return chunk;
}

// The XMP packet of a picture, with what it was made with in its place.
function packetWith(settings) {
  const text = JSON.stringify(settings).replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return facts.packet.replace('"@@SETTINGS@@"', () => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"));
}

async function savePicture(canvas, settings, name) {
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const plain = new Uint8Array(await blob.arrayBuffer());
  const header = 8 + 25; // the signature, and the first chunk, IHDR
  const record = chunkOf("iTXt", new TextEncoder().encode(`XML:com.adobe.xmp\0\0\0\0\0${packetWith(settings)}`));
  const file = new Blob([plain.subarray(0, header), record, plain.subarray(header)], { type: "image/png" });
  const link = h("a", { href: URL.createObjectURL(file), download: `${name}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
