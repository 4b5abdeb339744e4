// Talk to the test over standard input and output, one JSON value a line.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const next = async () => JSON.parse((await lines.next()).value);
export const say = (message) => console.log(JSON.stringify(message));
export const pause = async (seconds) => {
  say({ pause: seconds });
  await next(); // the test has changed something
};
