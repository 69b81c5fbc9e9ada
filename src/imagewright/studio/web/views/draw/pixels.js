// Pictures between the studio, canvases and texts, without any change to their pixels.
import { fileOf } from "/web/api.js";

const MOST_TEXT = 3_800_000; // characters of a sheet in one message

// ImageData of a ticket.
export async function imageOf(ticket) {
  const response = await fetch(fileOf(ticket));
  if (!response.ok) throw new Error("The studio has let go of this picture: make it or drop it once more.");
  return imageOfBlob(await response.blob());
}

async function imageOfBlob(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

const blobOf = (canvas, type, quality) => new Promise((done) => canvas.toBlob(done, type, quality));

const textOf = (blob) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error("The drawing cannot be read."));
    reader.readAsDataURL(blob);
  });

// A canvas as a data address: PNG, or JPEG where a PNG is larger than a message may be.
export async function addressOf(canvas) {
  const address = await textOf(await blobOf(canvas, "image/png"));
  return address.length <= MOST_TEXT ? address : textOf(await blobOf(canvas, "image/jpeg", 0.95));
}

// What stands after the comma of a data address.
export const contentOf = (address) => address.slice(address.indexOf(",") + 1);

// ImageData of a data address. The policy of the pages lets nothing fetch one.
export async function savedImage(address) {
  const bytes = Uint8Array.from(atob(contentOf(address)), (each) => each.charCodeAt(0));
  return imageOfBlob(new Blob([bytes], { type: address.slice(5, address.indexOf(";")) }));
}
