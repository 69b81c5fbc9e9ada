// A photo translated at its own size: a job of the command line, whose result is shown and lies in the studio's folder.
import { h } from "/web/dom.js";
import { act, fileOf } from "/web/api.js";
import { followJob } from "/web/parts/jobs.js";
import { openLarge } from "/web/parts/picture.js";
import { sendActions } from "/web/parts/sending.js";
import { tell, told } from "/web/parts/toast.js";

// A button for the photo on the sheet. asked(): what is asked of the model. Returns { element, set(photo) }: null hides it.
export function fullSize(asked) {
  let photo = null;
  const work = told(async () => {
    button.disabled = true;
    try {
      const { id, title } = await act("draw/full_size", { ...(await asked()), photo: photo.ticket });
      tell(`${title}: the bar below shows how far it is.`);
      const job = await followJob(id);
      if (job.state !== "done") return;
      const found = await act("draw/finished", { job: id });
      tell(`It is in the folder ${found.folder}.`);
      if (button.isConnected) openLarge(fileOf(found.ticket), found.name, found, sendActions("draw"));
    } finally {
      button.disabled = false;
    }
  });
  const button = h("button", { hidden: true, onclick: work });
  return {
    element: button,
    set: (now) => {
      photo = now;
      button.hidden = !photo;
      if (photo) button.textContent = `Translate all ${photo.width} × ${photo.height} pixels`;
    },
  };
}
