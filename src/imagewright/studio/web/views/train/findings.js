// What the doctor says of a run, each finding with its one suggestion as a button.
import { h, query } from "/web/dom.js";
import { act } from "/web/api.js";
import { titleOf } from "/web/parts/form.js";
import { told } from "/web/parts/toast.js";

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function remedy(run, finding) {
  if (finding.resumes) return run.job ? [] : h("button", { onclick: told(() => act("train/resume", { run: run.run })) }, "Train on");
  const [name] = Object.keys(finding.options);
  if (!name) return [];
  const label = `Train anew with ${titleOf(name).toLowerCase()} ${finding.options[name] === true ? "" : finding.options[name]}`.trim();
  return h("a", { class: "button", href: `#/train?${query({ again: run.run, finding: finding.name })}` }, label);
}

export function findingsPanel(run) {
  if (!run.model || !run.panels.length) return [];
  const found = run.findings.map((finding) =>
    h("div", { class: "stack finding" }, h("h3", { class: "warn" }, titleOf(finding.name)), h("p", { class: "small" }, sentence(finding.evidence)), h("p", { class: "small" }, finding.suggestion), h("p", {}, remedy(run, finding))),
  );
  const said = run.examination ?? (run.findings.length ? null : "Nothing to say yet.");
  return h(
    "section",
    { class: "panel stack" },
    h("h2", { class: "first" }, "Doctor"),
    said ? h("p", { class: "small" }, said) : [],
    found,
    run.passed.length ? h("p", { class: "small faint" }, `Passed since: ${run.passed.join(", ")}.`) : [],
  );
}
