// The slider and the buttons that change a model's traffic.
//
// A change names the generation that the operator saw when they began, so that nobody's change is lost unseen.

import { ask, modelPath } from "./api.js";
import { say } from "./dom.js";
import { inWords, withCanary } from "./policy.js";
import { adminToken, askForAdminToken, canBeSent } from "./tokens.js";
import {
  beginAnew, beginsWith, dropChoice, dropWish, followRefresh, wishFor, wishOf,
} from "./wish.js";

export function watchTraffic(refresh) {
  document.addEventListener("input", (event) => {
    if (event.target.matches("input.share")) {
      const slider = event.target;
      slider.value = Math.round(slider.value);
      wishFor(slider.form, slider.form.elements.version.value, Number(slider.value));
      show(slider.form);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-steer]") && event.target.name === "version") {
      wishFor(form, event.target.value, null);
      settle(form);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("input.share")) {
      dropWish(event.target.form);
      settle(event.target.form);
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-steer]")) {
      event.preventDefault();
      change(event.target, event.submitter?.value ?? "apply", refresh);
    }
  });
}

// Shows what the server says, except where somebody is about to change it.
export function settleTraffic() {
  for (const form of document.querySelectorAll("form[data-steer]")) {
    followRefresh(form);
    settle(form);
  }
}

function settle(form) {
  // While a change is under way, its own effect may be what took the version away.
  if (!form.hasAttribute("aria-busy")) {
    dropWhatIsGone(form);
  }
  const { version, share } = form.elements;
  const wish = wishOf(form);
  version.value = wish ? wish.version : preset(version);
  share.value = wish?.weight ?? declaredWeight(form);
  show(form);
}

function dropWhatIsGone(form) {
  const version = wishOf(form)?.version;
  if (version && ![...form.elements.version.options].some((each) => each.value === version)) {
    dropChoice(form);
    const said = form.querySelector(".said");
    // What went wrong just before may be why, and stays to be read.
    const before = said.classList.contains("bad") ? `${said.textContent} ` : "";
    say(said, `${before}${version} can’t be the canary any more: choose a version again.`, true);
  }
}

function preset(select) {
  const options = [...select.options];
  return (options.find((option) => option.defaultSelected) ?? options[0])?.value ?? "";
}

function declaredWeight(form) {
  return Number(form.elements.version.selectedOptions[0]?.dataset.weight ?? 0);
}

function show(form) {
  const { version, share } = form.elements;
  const weight = Number(share.value);
  const text = version.value ? `${weight} % to ${version.value}` : "";
  share.style.setProperty("--share", weight / 100);
  share.setAttribute("aria-valuetext", text || "no canary");
  const isMoved = (wishOf(form)?.weight ?? null) !== null;
  const wanted = form.querySelector(".wanted");
  wanted.textContent = text;
  wanted.classList.toggle("pending", isMoved && weight !== declaredWeight(form));
}

async function change(form, act, refresh) {
  const said = form.querySelector(".said");
  const token = adminToken();
  if (!token && !document.body.hasAttribute("data-changes-off")) {
    say(said, "Enter the admin token first; it is asked once.", true);
    askForAdminToken();
    return;
  }
  if (!canBeSent(token)) {
    say(said, "The admin token has plain ASCII characters only.", true);
    askForAdminToken();
    return;
  }
  const version = form.elements.version.value;
  if (act !== "rollback" && !version) {
    const isAlone = form.elements.version.disabled;
    const why = isAlone ? "There is no other version that is READY." : "Choose a version first.";
    say(said, why, true);
    return;
  }
  if (form.hasAttribute("aria-busy")) {
    return;
  }
  const wish = wishOf(form);
  form.setAttribute("aria-busy", "true");
  say(said, "");
  try {
    const { answer } = await send(form, act, version, token);
    // A wish that came meanwhile stays, and begins with what this change has made.
    wishOf(form) === wish ? dropWish(form) : beginAnew(form);
    say(said, `Done: ${inWords(answer.declared)}.`);
  } catch (refusal) {
    say(said, refusal.message, true);
    if (refusal.status === 401) {
      askForAdminToken();
    } else if (refusal.status === 412) {
      beginAnew(form);
    }
  } finally {
    form.removeAttribute("aria-busy");
  }
  await refresh();
}

function send(form, act, version, token) {
  const { model } = form.dataset;
  const { generation, policy } = beginsWith(form);
  const headers = { "If-Match": `"${generation}"` };
  if (act === "apply") {
    const weight = Number(form.elements.share.value);
    const body = JSON.stringify(withCanary(JSON.parse(policy), version, weight));
    return ask("PUT", modelPath(model, "traffic"), { token, headers, body });
  }
  const rest = act === "promote" ? `versions/${encodeURIComponent(version)}/activate` : "rollback";
  return ask("POST", modelPath(model, rest), { token, headers });
}
