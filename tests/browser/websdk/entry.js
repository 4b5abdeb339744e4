// Layer's own SDK, and the few lines that an app adds to it.

const layer = require("layer-websdk");

const EVENTS = ["connected", "challenge", "authenticated", "ready", "deauthenticated"];

// Who evaluates a promise from outside waits for ever; so it always comes to an end.
function within20Seconds(executor) {
  return new Promise((resolve) => {
    setTimeout(resolve, 20000, { events: ["nothing more in 20 seconds"] });
    executor(resolve);
  });
}

class App {
  constructor(appId) {
    this.events = [];
    this.client = new layer.Client({
      appId,
      url: `${location.origin}/sandbox`,
      websocketUrl: `${location.origin.replace("http", "ws")}/no-websocket`,
      telemetryEnabled: false,
      isTrustedDevice: true,
    });
    for (const name of EVENTS) this.client.on(name, () => this.events.push(name));
    this.client.on("challenge", (event) => this.answer(event));
    this.client.on("authenticated", () => {
      this.nameInToken = this.client.user.displayName;
    });
    this.client.on("authenticated-error", ({ error }) => this.finish({ error }));
    this.client.on("ready", () => this.finish({ user: describe(this.client.user) }));
  }

  connect(userId) {
    this.userId = userId;
    this.events = [];
    return within20Seconds((resolve) => {
      this.finish = (result) => resolve({ events: this.events, nonce: this.nonce, ...result });
      this.client.connect(userId);
    });
  }

  async answer({ nonce, callback }) {
    this.nonce = nonce;
    const body = { app_id: this.client.appId, user_id: this.userId, nonce };
    const response = await fetch("/layer/authenticate", {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": document.cookie.match(/layer_demo_csrf\w*=(\w+)/)[1],
      },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.ok) callback(answer.identity_token);
    else this.finish({ refusal: answer });
  }

  logout() {
    this.events = [];
    return within20Seconds((resolve) => {
      this.client.logout(() => resolve({ events: this.events }));
    });
  }
}

function describe({ userId, displayName, firstName, isFullIdentity }) {
  return { userId, displayName, firstName, isFullIdentity };
}

window.App = App;
window.layer = layer; // for the code of the documentation
