// Draws the steps from the flow's state; changes only the page.

import { copyButton } from "./copy.js";
import { element } from "./element.js";
import { Refused } from "./http.js";
import { compact } from "./render.js";

export const STEPS = ["sign-in", "nonce", "authenticate", "connect", "leave"];

const STATUS = {
  "sign-in": (flow, { left }) =>
    left ? `${left} has signed out. Sign in the next user.` : "No user is signed in.",
  nonce: (flow) => `Signed in as ${flow.user.username}.`,
  authenticate: () => "The nonce has arrived.",
  connect: () => "The identity token has arrived.",
  leave: (flow) => sessionText(flow),
};

const RESULTS = {
  "sign-in": ({ user }) => ["Signed in as ", element("b", {}, user.name)],
  nonce: ({ nonce }) => (nonce ? [element("code", {}, nonce), copyButton("nonce", nonce)] : []),
  authenticate: ({ token }) => (token ? tokenResult(token) : []),
  connect: (flow) => (flow.identity ? [identityCard(flow)] : []),
};

export function part(step, selector = "") {
  return document.querySelector(`[data-step="${step}"] ${selector}`);
}

export function draw(flow, page) {
  for (const [index, step] of STEPS.entries()) {
    const current = step === flow.next;
    const done = isDone(flow, step, index);
    drawStep(part(step), { current, done });
    drawButtons(step, current, page.busy);
    drawTrials(step, current && !page.busy && !flow.session);
    fill(part(step, ".result"), done ? RESULTS[step](flow) : []);
    fill(part(step, ".error"), page.failure?.step === step ? describe(page.failure, flow) : []);
    drawSecondaryButton(flow, page, step);
  }
  drawStatus(flow, page);
}

/** Focus the next button or the new token, and scroll to its step. */
export function reveal(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const block = node.matches(".result") ? "start" : "nearest";
  node.focus({ preventScroll: true });
  node.closest(".step").scrollIntoView({ block, behavior: calm ? "auto" : "smooth" });
}

function isDone(flow, step, index) {
  if (step === "sign-in") return Boolean(flow.user);
  return index < STEPS.indexOf(flow.next) && !flow.isOtherUser;
}

function drawStep(node, { current, done }) {
  node.classList.toggle("current", current);
  node.classList.toggle("done", done);
  if (current) node.setAttribute("aria-current", "step");
  else node.removeAttribute("aria-current");
}

function drawButtons(step, current, busy) {
  for (const button of part(step, ".actions").children) {
    button.disabled = !current || busy;
    button.hidden = !current;
  }
}

// Requests that are refused, to be tried before the next step.
function drawTrials(step, wanted) {
  const trials = part(step, ".trials");
  if (trials) trials.hidden = !wanted;
}

function drawStatus(flow, { busy, failure, left }) {
  const status = document.getElementById("status");
  status.className = failure ? "bad" : flow.identity ? "good" : "";
  if (busy) status.textContent = "Waiting for the answer…";
  else if (failure) status.textContent = "This step failed.";
  else status.textContent = STATUS[flow.next](flow, { left });
}

function tokenResult(token) {
  return [
    element("p", {}, "This is the token. It is valid for a few minutes."),
    compact(token),
    copyButton("token", token),
  ];
}

function sessionText({ identity, session }) {
  return identity
    ? `Authenticated as ${identity.user_id}`
    : `Layer still has a session of ${session.user.username} on this device.`;
}

function identityCard(flow) {
  const { user_id: userId, display_name: name } = flow.identity;
  return element(
    "span",
    { className: "identity" },
    element("b", {}, sessionText(flow)),
    element("span", { className: "name" }, name || userId),
  );
}

function describe({ error }, { config, user }) {
  if (!(error instanceof Refused)) {
    return ["The server did not answer. Is it still running?"];
  }
  const codes = [error.status, error.code, error.id].filter(Boolean).join(" · ");
  const way = config.waysOut[error.reason];
  const children = [error.message, element("code", {}, codes)];
  if (way) children.push(wayOut(way, user?.username ?? ""));
  return children;
}

function wayOut({ text, label, url }, username) {
  const node = element("p", { className: "way-out" }, text);
  const href = url?.replace("{username}", encodeURIComponent(username));
  if (href) node.append(" ", element("a", { href }, label));
  return node;
}

// A secondary button: sign out early, or start again with a new nonce.
function drawSecondaryButton(flow, { busy, failure }, step) {
  const button = part(step, ".quiet");
  if (!button) return;
  const wanted = step === "sign-in" ? flow.user : failure?.step === step && flow.nonce;
  button.hidden = busy || !wanted || Boolean(flow.session);
}

function fill(node, children) {
  node.replaceChildren(...children);
  node.hidden = children.length === 0;
}
