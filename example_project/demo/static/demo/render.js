// Creates elements for exchanges and tokens.

import { copyButton } from "./copy.js";
import { curl, isOfPhone } from "./curl.js";
import { element } from "./element.js";
import { decode } from "./token.js";

export function exchangeBlock(exchange, user) {
  const { method, path, headers, body, response } = exchange;
  const { status, statusText, contentType } = response;
  const answer = `${status} ${statusText}\n${headerLines({ "Content-Type": contentType })}`;
  return details(
    [
      element("span", { className: "line" }, element("b", {}, method), ` ${path}`),
      element("span", { className: status < 300 ? "good" : "bad" }, status),
    ],
    element(
      "div",
      { className: "messages" },
      message("Request", `${method} ${path}\n${headerLines(headers)}`, body),
      message("Response", answer, response.body),
    ),
    ...(isOfPhone(exchange) ? [copyButton("curl command", curl(exchange, user))] : []),
  );
}

export function tokenBlock(token) {
  const { header, claims } = decode(token);
  const meaning = details(
    ["Contents of the token"],
    element("h3", { className: "header" }, "Header"),
    table(header),
    element("h3", { className: "claims" }, "Claims"),
    table(claims),
  );
  meaning.open = true;
  return meaning;
}

/** The encoded token, with its three parts in different colours. */
export function compact(token) {
  const names = ["header", "claims", "signature"];
  const parts = token.split(".").map((text, index) =>
    element("span", { className: names[index] }, index ? `.${text}` : text),
  );
  return element("pre", { className: "token" }, ...parts);
}

function details(summary, ...children) {
  return element("details", {}, element("summary", {}, ...summary), ...children);
}

function table(rows) {
  return element("dl", {}, ...rows.flatMap(row));
}

function row({ name, meaning, value, note }) {
  const term = element("dt", {}, element("code", {}, name), ` ${meaning}`);
  const description = element("dd", {}, value);
  if (note) description.append(element("span", { className: "note" }, note));
  return [term, description];
}

function message(title, head, body) {
  const nodes = [element("h3", {}, title), element("pre", {}, head.trim())];
  if (body) nodes.push(element("pre", { className: "body" }, pretty(body)));
  return element("section", {}, ...nodes);
}

function headerLines(headers) {
  return Object.entries(headers)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

function pretty(body) {
  if (typeof body !== "string") return JSON.stringify(body, null, 2);
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
