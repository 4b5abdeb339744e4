// The page: a button calls the flow, then the page is drawn again.

import { STEPS, draw, part, reveal } from "./draw.js";
import { Flow } from "./flow.js";
import { exchangeBlock, tokenBlocks } from "./render.js";

const config = JSON.parse(document.getElementById("config").textContent);
const flow = new Flow(config, showExchange);
const page = { busy: false, failure: null, left: null };

const ACTIONS = {
  "sign-in": ({ username }) => {
    clear(...STEPS);
    return flow.signIn(username);
  },
  nonce: () => flow.askForNonce(),
  authenticate: async () => {
    await flow.authenticate();
    part("authenticate", ".exchanges").append(...tokenBlocks(flow.token));
  },
  connect: () => {
    fold("authenticate");
    return flow.connect();
  },
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
  if (action === step) clear(step);
  draw(flow, page);
  try {
    await ACTIONS[action](data);
  } catch (error) {
    page.failure = { step, error };
  }
  page.busy = false;
  draw(flow, page);
  reveal(flow.next);
}

function showExchange(step, exchange) {
  part(step, ".exchanges").append(exchangeBlock(exchange));
}

function clear(...steps) {
  for (const step of steps) part(step, ".exchanges").replaceChildren();
}

function fold(step) {
  for (const block of part(step, ".exchanges").children) block.open = false;
}
