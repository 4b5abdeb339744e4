// Sends an HTTP request and records the request and the response.

export class Refused extends Error {
  constructor(exchange) {
    const { status, body } = exchange.response;
    super(body.detail ?? body.message ?? "The request was refused. Reload the page and try again.");
    this.status = status;
    this.code = body.code; // a text from this site, a number from Layer
    this.id = body.id; // the text for Layer's number
    this.reason = body.data?.code ?? body.code; // what is wrong with a token, or the code
  }
}

export async function call(method, path, { headers = {}, body, credentials } = {}) {
  const exchange = { method, path, headers, body, credentials, response: null };
  const response = await fetch(path, { method, headers, body, credentials });
  const text = await response.text();
  exchange.response = {
    status: response.status,
    statusText: response.statusText,
    contentType: response.headers.get("Content-Type") ?? "",
    body: parsed(text),
  };
  return exchange;
}

export function json(value) {
  return JSON.stringify(value);
}

export function cookie(name) {
  const entry = document.cookie
    .split("; ")
    .find((candidate) => candidate.startsWith(`${name}=`));
  return entry ? decodeURIComponent(entry.slice(name.length + 1)) : "";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
