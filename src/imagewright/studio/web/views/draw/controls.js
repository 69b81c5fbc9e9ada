// What a model can be asked for besides the sheet: a domain, attributes, a style.
import { h, newId } from "/web/dom.js";
import { slider } from "/web/parts/slider.js";
import { stylesOf } from "/web/views/draw/styles.js";

const FEW = 6; // domains that are buttons; more of them are a list

// Returns { element, wanted(), missing(), tickets() }: `element` is null if there is nothing to choose; `missing` is a sentence if
// something has to be chosen first. changed() is called at each choice.
export function controlsOf(model, run, { changed, sheetText }) {
  const target = model.domains.length > 1 || model.attributes.length ? targetOf(model, changed) : null;
  const targetWanted = () => target?.wanted() ?? {};
  const styles = model.sampled_styles || model.reference_styles ? stylesOf(model, run, { changed, asked: async () => ({ ...(await sheetText()), ...targetWanted() }) }) : null;
  const parts = [target, styles].filter(Boolean);
  return {
    element: parts.length ? h("div", { class: "stack" }, parts.map((each) => each.element)) : null,
    wanted: () => ({ ...targetWanted(), ...(styles?.wanted() ?? {}) }),
    missing: () => styles?.missing() ?? null,
    tickets: () => styles?.tickets() ?? [],
  };
}

function targetOf(model, changed) {
  // Of two sets the second one: the examples begin with pictures of the first.
  let domain = model.domains.length === 0 ? null : model.domains.length === 2 ? 1 : 0;
  const attributes = model.attributes.length ? attributesOf(model.attributes, () => ((domain = null), showDomain(), changed())) : null;
  const choose = (place) => {
    domain = place;
    showDomain();
    changed();
  };
  const domains = model.domains.length > 1 ? (model.domains.length <= FEW ? domainButtons(model.domains, choose) : domainList(model.domains, choose)) : null;
  const showDomain = () => {
    domains?.show(domain);
    attributes?.element.toggleAttribute("data-idle", domain !== null);
  };
  showDomain();
  return {
    element: h("div", { class: "stack" }, domains?.element, attributes?.element),
    wanted: () => (domain !== null ? { domain } : { attributes: attributes?.values() ?? {} }),
  };
}

function domainButtons(names, choose) {
  const buttons = names.map((name, place) => h("button", { "aria-pressed": "false", onclick: () => choose(place) }, name));
  return {
    element: h("fieldset", {}, h("legend", {}, "Translate to"), h("div", { class: "row" }, buttons)),
    show: (domain) => buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === domain)),
  };
}

function domainList(names, choose) {
  const select = h("select", { id: newId("domain") }, h("option", { value: "", hidden: true }, "–"), names.map((name, place) => h("option", { value: place }, name)));
  select.addEventListener("change", () => choose(Number(select.value)));
  return {
    element: h("div", { class: "field" }, h("label", { for: select.id }, h("strong", {}, "Translate to")), select),
    show: (domain) => (select.value = domain === null ? "" : String(domain)),
  };
}

// An attribute stays as it is in the picture until it is ticked, and then has a value from 0 (without) to 1 (with).
function attributesOf(names, changed) {
  const values = {};
  const rows = names.map((name) => {
    const value = slider({ label: "0 without, 1 with", hint: `how much of ${name}`, low: 0, high: 1, step: 0.05, value: 1 }, (now) => ((values[name] = now), changed()));
    value.hidden = true;
    const box = h("input", {
      type: "checkbox",
      onchange: () => {
        value.hidden = !box.checked;
        if (box.checked) values[name] = value.value;
        else delete values[name];
        changed();
      },
    });
    return h("div", { class: "attribute" }, h("label", {}, box, ` ${name}`), value);
  });
  return {
    element: h("fieldset", {}, h("legend", {}, "Change"), h("p", { class: "small faint" }, "What is not ticked stays as it is in the picture."), h("div", { class: "attributes" }, rows)),
    values: () => ({ ...values }),
  };
}
