// A button that copies a text and says so.

import { element } from "./element.js";

export function copyButton(name, text) {
  const answer = element("span", { ariaLive: "polite" });
  const button = element("button", { type: "button" }, `Copy the ${name}`);
  button.addEventListener("click", async () => {
    answer.textContent = "";
    try {
      await navigator.clipboard.writeText(text);
      answer.textContent = "Copied";
    } catch {
      answer.textContent = "Not copied: the browser did not allow it.";
    }
  });
  return element("span", { className: "copy" }, button, answer);
}
