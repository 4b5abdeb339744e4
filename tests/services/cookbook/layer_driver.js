// node layer_driver.js CONFIG: call the methods named on standard input, one a line.
import { Layer } from "./layer.js";
import { next, pause, say } from "./lines.js";

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
