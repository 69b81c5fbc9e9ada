// The frame of all pages: navigation, the page of the address, jobs, the theme. Addresses are #/PAGE?name=value.
import { clear, h } from "/web/dom.js";
import { live } from "/web/live.js";
import { GONE, read, Refused } from "/web/api.js";
import { forgetErrors, tell, tellError } from "/web/parts/toast.js";
import { PAGES } from "/web/pages.js";

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const UNLOADED = "This page could not be loaded, because the studio did not answer. It is loaded anew when you open it again.";
let leave = null;
let isUnloaded = false; // a browser remembers that a module could not be loaded, until the whole page is loaded anew

function placeOf(hash) {
  const [path, asked] = hash.replace(/^#\/?/, "").split("?");
  return { name: path || "home", asked: Object.fromEntries(new URLSearchParams(asked ?? "")) };
}

async function open() {
  if (isUnloaded && live.isUp) {
    location.reload();
    return;
  }
  const { name, asked } = placeOf(location.hash);
  const page = PAGES.find((each) => each.name === name) ?? PAGES[0];
  for (const link of nav.querySelectorAll("a[data-page]")) {
    if (link.dataset.page === page.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${page.title} – imagewright`;
  leave?.();
  document.dispatchEvent(new Event("page-left"));
  forgetErrors();
  leave = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close(); // they belong to the page that is left
  main.dataset.page = page.name;
  main.dataset.state = "opening";
  const root = h("div", { class: `page page-${page.name}` });
  clear(main, root);
  window.scrollTo(0, 0);
  try {
    const { default: show } = await import(`/web/views/${page.name}/${page.name}.js`).catch((error) => {
      console.error(error);
      isUnloaded = true;
      throw new Refused(UNLOADED);
    });
    if (!root.isConnected) return; // the next page was opened meanwhile
    const end = (await show(root, asked)) ?? null;
    // Left before it was shown: what it follows ends, and the next page says how it is.
    if (!root.isConnected) return void end?.();
    leave = end;
    main.dataset.state = "open";
  } catch (error) {
    if (!root.isConnected) return;
    const said = live.isUp || error instanceof Refused ? error.message : GONE;
    if (said !== GONE && !(error instanceof Refused)) console.error(error);
    root.append(h("h1", {}, page.title), h("p", { class: "bad" }, said));
    main.dataset.state = "failed";
  }
}

function theme() {
  const choices = ["auto", "light", "dark"];
  const apply = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  };
  let choice = localStorage.getItem("theme") ?? "auto";
  apply(choice);
  const button = h("button", { class: "plain small", title: "Colours of the pages" }, `Colours: ${choice}`);
  button.addEventListener("click", () => {
    choice = choices[(choices.indexOf(choice) + 1) % choices.length];
    localStorage.setItem("theme", choice);
    apply(choice);
    button.textContent = `Colours: ${choice}`;
  });
  return button;
}

async function start() {
  const brand = h("div", { class: "brand" }, "imagewright", h("small", {}, " "));
  const links = PAGES.map((page) => h("a", { href: `#/${page.name}`, dataset: { page: page.name } }, page.title));
  nav.append(brand, ...links, h("div", { class: "end" }, theme()));
  window.addEventListener("hashchange", open);
  let down = null; // the sentence about it
  let isOld = false; // another studio has this address now
  const say = (text) => {
    down?.remove();
    down = tell(text, "bad");
    down.dataset.stays = "";
  };
  live.addEventListener("down", async () => {
    if (!down) say("The studio does not answer. It may have been ended: open the address that it prints when it is started again.");
    const { status } = await read("library/about").catch((error) => error);
    if (status !== 401 || isOld) return;
    isOld = true;
    say("This page belongs to a studio that was ended. Another one was started: open the address that it printed.");
  });
  live.addEventListener("up", () => {
    if (down) tell("The studio answers again.");
    down?.remove();
    down = null;
  });
  open();
  const { showJobs } = await import("/web/parts/jobs.js");
  showJobs(document.getElementById("jobs"));
  try {
    const { folder } = await read("library/about");
    brand.querySelector("small").textContent = folder;
    brand.title = folder;
  } catch (error) {
    tellError(error);
  }
}

start();
