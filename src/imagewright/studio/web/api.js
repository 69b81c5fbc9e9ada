// Requests to the studio. A refused one raises `Refused` with the sentence that the studio gave.
import { query } from "/web/dom.js";

// All that belongs to the user is below the path of the page, which nobody can guess; the files of the pages are not.
export const ROOM = location.pathname;
export const GONE = "The studio does not answer: it was ended. Start it again, and open the address that it prints.";

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answerOf(response) {
  if (response.ok) return response.json();
  const text = await response.text();
  let said = text;
  try {
    said = JSON.parse(text).error ?? text;
  } catch {
    // plain text, as the guard answers
  }
  throw new Refused(said, response.status);
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Refused(GONE, 0);
  }
  return answerOf(response);
}

// GET /api/PAGE/READ: read("library/runs"), read("train/options", { model: "vae" })
export const read = (name, asked = {}) => ask(`${ROOM}api/${name}?${query(asked)}`);

// POST /api/PAGE/ACTION with a JSON object
export const act = (name, asked = {}) =>
  ask(`${ROOM}api/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) });

// Send one picture to work with: returns { ticket, name, width, height }
export const upload = (file) => ask(`${ROOM}uploads?${query({ name: file.name ?? "picture" })}`, { method: "POST", body: file });

// The address of a read that answers with a picture
export const pictureOf = (name, asked) => `${ROOM}api/${name}?${query(asked)}`;

// The address of file `number` that a job made
export const madeBy = (job, number = 0) => `${ROOM}made/${encodeURIComponent(job)}/${number}`;

// The file of a shown picture, with its provenance
export const fileOf = (ticket, suffix = "png") => `${ROOM}pictures/${encodeURIComponent(ticket)}.${suffix}`;

// Whether a source was made by `addSource` in this folder: it is the folder, or an archive or a video in it.
export const isAdded = (source, folder) => source.name === `pictures/${folder}` || source.name.startsWith(`pictures/${folder}/`);

// What a source of dropped files is called at first: as their folder, or as the one file.
export const nameOfDropped = (files) => files[0].top || files[0].file.webkitRelativePath?.split("/")[0] || (files.length === 1 ? files[0].file.name.replace(/\.[^.]*$/, "") : "");

// Make a source of dropped files ({ file, path }): returns { folder, added: pictures and videos, refused: [sentences], notes }
export async function addSource(name, files, tell = () => {}) {
  const { folder } = await act("library/begin_source", { name });
  const [refused, notes] = [[], []];
  let added = 0;
  for (const [place, { file, path }] of files.entries()) {
    tell(place, files.length);
    try {
      const { pictures = 1, notes: said = [] } = await ask(`${ROOM}sources/${encodeURIComponent(folder)}?${query({ name: path })}`, { method: "POST", body: file });
      added += pictures; // an archive holds several
      notes.push(...said);
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 0) throw error;
      refused.push(error.message);
    }
  }
  tell(files.length, files.length);
  if (!added) await act("library/end_source", { folder });
  return { folder, added, refused, notes };
}
