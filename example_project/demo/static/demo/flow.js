// The requests of a phone app to your site and to Layer, independent of the page.

import { Refused, call, cookie, json } from "./http.js";

const LAYER = { Accept: "application/vnd.layer+json; version=2.0" };
const STORED = "layer-demo-session";

export class Flow {
  user = null; // the user signed in to Django: {username, name}
  nonce = null;
  token = null;
  session = null; // Layer's session: {token, user}
  identity = null; // the user's identity at Layer

  constructor(config, onExchange) {
    this.config = config;
    this.onExchange = onExchange;
    this.user = config.user;
    this.session = JSON.parse(sessionStorage.getItem(STORED));
  }

  /** The next step. */
  get next() {
    if (this.isOtherUser || this.identity) return "leave";
    if (this.session) return "connect";
    if (!this.user) return "sign-in";
    if (!this.nonce) return "nonce";
    return this.token ? "connect" : "authenticate";
  }

  /** Layer's session on this device belongs to another user than Django's session. */
  get isOtherUser() {
    return this.session && this.session.user.username !== this.user?.username;
  }

  async signIn(username) {
    const { response } = await this.#form("sign-in", "/sign-in", { username });
    this.user = response.body;
  }

  async askForNonce() {
    const { response } = await this.#layer("nonce", "POST", "/sandbox/nonces");
    this.nonce = response.body.nonce;
  }

  async authenticate(userId = this.user.username) {
    const body = json({ app_id: this.config.appId, user_id: userId, nonce: this.nonce });
    const headers = {
      Accept: "application/json",
      "Content-Type": "application/json",
      ...this.#csrf(),
    };
    const path = "/layer/authenticate";
    const { response } = await this.#send("authenticate", "POST", path, { headers, body });
    this.token = response.body.identity_token;
  }

  async connect() {
    if (!this.session) await this.#openSession(this.token);
    try {
      await this.#fetchIdentity();
    } catch (error) {
      if (error.status === 401) this.#clearSession(); // the session has ended at Layer
      throw error;
    }
  }

  /** End Layer's session first, wait for the answer, then end Django's session. */
  async leave() {
    if (this.session) await this.#closeSession();
    await this.#send("leave", "POST", "/sign-out", { headers: this.#csrf() });
    this.#clearSession();
    this.user = null;
  }

  /** Refused by your site: another user gets a token for the nonce first. */
  async authenticateSecond(otherUsername) {
    const { username } = this.user;
    await this.signIn(otherUsername);
    try {
      await this.authenticate();
    } finally {
      this.token = null;
      await this.signIn(username);
    }
    await this.authenticate();
  }

  /** Refused by Layer: the demo signs a token that expired a minute ago. */
  async connectTooLate() {
    const { response } = await this.#form("connect", "/expired-token", { nonce: this.nonce });
    await this.#openSession(response.body.identity_token);
  }

  /** Drop the nonce and its token; both are valid only for minutes. */
  startAgain() {
    this.nonce = null;
    this.token = null;
  }

  async #openSession(token) {
    const body = json({ identity_token: token, app_id: this.config.appId });
    const headers = { "Content-Type": "application/json" };
    const { response } = await this.#layer("connect", "POST", "/sandbox/sessions", {
      headers,
      body,
    });
    this.session = { token: response.body.session_token, user: this.user };
    sessionStorage.setItem(STORED, json(this.session));
  }

  async #fetchIdentity() {
    const path = `/sandbox/identities/${encodeURIComponent(this.user.username)}`;
    const { response } = await this.#layer("connect", "GET", path, {
      headers: this.#authorization(),
    });
    this.identity = response.body;
  }

  async #closeSession() {
    const path = `/sandbox/sessions/${this.session.token}`;
    await this.#layer("leave", "DELETE", path, { headers: this.#authorization() });
  }

  #clearSession() {
    sessionStorage.removeItem(STORED);
    this.session = null;
    this.identity = null;
    this.startAgain();
  }

  #authorization() {
    return { Authorization: `Layer session-token="${this.session.token}"` };
  }

  #csrf() {
    return { "X-CSRFToken": cookie(this.config.csrfCookie) };
  }

  #form(step, path, fields) {
    const headers = {
      "Content-Type": "application/x-www-form-urlencoded",
      ...this.#csrf(),
    };
    const body = new URLSearchParams(fields).toString();
    return this.#send(step, "POST", path, { headers, body });
  }

  // Layer is another company's server, so it must not get the site's cookies.
  #layer(step, method, path, { headers, body } = {}) {
    return this.#send(step, method, path, {
      headers: { ...LAYER, ...headers },
      body,
      credentials: "omit",
    });
  }

  async #send(step, method, path, options) {
    const exchange = await call(method, path, options);
    this.onExchange(step, exchange);
    if (exchange.response.status >= 300) throw new Refused(exchange);
    return exchange;
  }
}
