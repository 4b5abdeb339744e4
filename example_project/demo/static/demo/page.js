// The page: a button calls the flow, then the page is drawn again.

import { STEPS, draw, part, reveal } from "./draw.js";
import { Flow } from "./flow.js";
import { exchangeBlock, tokenBlock } from "./render.js";

const config = JSON.parse(document.getElementById("config").textContent);
const flow = new Flow(config, showExchange);
const wide = matchMedia("(min-width: 64rem)"); // as in demo.css
const page = { busy: false, failure: null, left: null };

const ACTIONS = {
  "sign-in": ({ username }) => {
    clear(...STEPS);
    return flow.signIn(username);
  },
  nonce: () => flow.askForNonce(),
  authenticate: async () => {
    await flow.authenticate();
    part("authenticate", ".exchanges").append(tokenBlock(flow.token));
  },
  connect: () => {
    fold("authenticate");
    return flow.connect();
  },
  "another-user-id": () => flow.authenticate(another()),
  "another-nonce": () => flow.authenticateSecond(another()),
  "expired-token": () => flow.connectTooLate(),
  leave: async () => {
    const { username } = flow.user ?? flow.session.user;
    clear("leave");
    await flow.leave();
    clear("sign-in", "nonce", "authenticate", "connect");
    page.left = username;
  },
  again: () => {
    flow.startAgain();
    clear("nonce", "authenticate", "connect");
  },
};

document.addEventListener("click", ({ target }) => {
  const { action, ...data } = target.dataset;
  if (action) run(action, target.closest(".step").dataset.step, data);
});

start();

async function start() {
  if (!config.appId) {
    document.getElementById("status").textContent = "There is no Layer app yet. Run “make demo”.";
  } else if (flow.next === "connect") {
    await run("connect", "connect"); // after a reload: check that Layer still has the session
  } else {
    draw(flow, page);
  }
}

async function run(action, step, data) {
  Object.assign(page, { busy: true, failure: null, left: null });
  if (step === flow.next) clear(step);
  draw(flow, page);
  try {
    await ACTIONS[action](data);
  } catch (error) {
    page.failure = { step, error };
  }
  page.busy = false;
  draw(flow, page);
  const isNewToken = action === "authenticate" && !page.failure;
  reveal(isNewToken ? part(step, ".result") : part(flow.next, ".primary"));
}

function showExchange(step, exchange) {
  const block = exchangeBlock(exchange, flow.user);
  if (wide.matches) {
    fold(...STEPS);
    block.open = true;
  }
  part(step, ".exchanges").append(block);
}

function another() {
  const buttons = [...document.querySelectorAll("[data-username]")];
  const usernames = buttons.map(({ dataset }) => dataset.username);
  return usernames.find((username) => username !== flow.user.username) ?? "nobody";
}

function clear(...steps) {
  for (const step of steps) part(step, ".exchanges").replaceChildren();
}

function fold(...steps) {
  for (const step of steps) {
    for (const block of part(step, ".exchanges").children) block.open = false;
  }
}
