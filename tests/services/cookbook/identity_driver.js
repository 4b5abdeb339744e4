// node identity_driver.js: obey the commands on standard input, one JSON list a line.
import { createInterface } from "node:readline";
import { identityToken } from "./identity.js";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const say = (message) => console.log(JSON.stringify(message));
const pause = async (seconds) => {
  say({ pause: seconds });
  await next(); // the test has changed something
};

const { nonce, headers, ...options } = await next();
try {
  say({ answer: await identityToken(nonce, { ...options, headers: () => headers }, pause) });
} catch ({ status, code, userId, remedy, message }) {
  say({ refused: { status, code, userId, remedy, message } });
}
process.exit();
