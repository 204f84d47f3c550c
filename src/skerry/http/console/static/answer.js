// A prediction as people read it: the answer, who gave it, and the probabilities as bars.

import { element } from "./dom.js";

const SHOWN_CLASSES = 12;

// Shows an answer and returns it in one sentence.
export function showAnswer(place, answer, headers, durationMs) {
  const version = answer.model_version;
  const track = headers.get("X-Model-Track") ?? "";
  const isMany = Array.isArray(answer.prediction);
  const by = element(
    "p",
    { class: "by" },
    "by ",
    element("b", {}, version),
    element("span", { class: `badge track ${trackClass(track)}` }, track),
    confidenceText(answer.confidence),
    ` in ${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms, there and back`,
  );
  place.replaceChildren(element("p", { class: "prediction" }, text(answer.prediction)), by);
  const tables = isMany ? severalTables(answer) : [table(answer.classes, answer.probabilities)];
  place.append(...tables.filter(Boolean));
  return `${version}, ${track}, predicts ${text(answer.prediction)}`;
}

function trackClass(track) {
  return ["stable", "canary"].includes(track) ? track : "pinned";
}

function confidenceText(confidence) {
  return typeof confidence === "number" ? ` confidence ${percent(confidence)},` : "";
}

function severalTables(answer) {
  if (!Array.isArray(answer.probabilities)) {
    return [];
  }
  return answer.probabilities.map((each, i) => table(answer.classes?.[i], each, `output ${i + 1}`));
}

function table(classes, probabilities, heading = "") {
  if (!Array.isArray(probabilities) || !Array.isArray(classes)) {
    return null;
  }
  const rows = classes.map((label, i) => ({ label, part: probabilities[i] ?? 0 }));
  const likely = [...rows].sort((a, b) => b.part - a.part).slice(0, SHOWN_CLASSES);
  const shown = rows.filter((row) => likely.includes(row));
  const list = element("dl", { class: "probabilities" }, ...shown.map(bar));
  const more = rows.length - shown.length;
  const parts = heading ? [element("p", { class: "hint" }, heading), list] : [list];
  if (more > 0) {
    parts.push(element("p", { class: "hint" }, `and ${more} classes that are less likely`));
  }
  return element("div", {}, ...parts);
}

function bar({ label, part }) {
  const fill = element("span");
  fill.style.setProperty("--part", `${part * 100}%`);
  const meter = element("dd", { class: "meter", "aria-hidden": "true" }, fill);
  return element("div", {}, element("dt", {}, text(label)), meter, element("dd", {}, percent(part)));
}

function text(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function percent(part) {
  return `${(part * 100).toFixed(part > 0.9995 || part < 0.0005 ? 0 : 1)} %`;
}
