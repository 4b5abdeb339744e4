// node layer_driver.js CONFIG: call the methods named on standard input, one a line.
import { createInterface } from "node:readline";
import { Layer } from "./layer.js";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const say = (message) => console.log(JSON.stringify(message));
const pause = async (seconds) => {
  say({ pause: seconds });
  await next(); // the test has changed something
};

const layer = new Layer({ ...JSON.parse(process.argv[2]), pause });
for (;;) {
  const [method, ...values] = await next();
  if (method === "exit") process.exit();
  try {
    const result = (await layer[method](...values)) ?? null;
    say({ result, userId: layer.userId });
  } catch ({ status, code, remedy, message }) {
    say({ refused: { status, code, remedy, message } });
  }
}
