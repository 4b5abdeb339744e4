"""What people see on a page: a script finds controls that cannot be seen, and axe runs."""

from __future__ import annotations

from pathlib import Path

#: Controls of our pages; navigation, search and log-out are those of the package.
CONTROLS = """
form[method="post" i]:not([id*="logout"], [action*="logout"])
  :is(input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select, button,
      a.button, a.closelink, a.cancel-link),
.layer-actions :is(button, a)
"""
#: Elements of our own; the rest of a page belongs to the package.
OURS = [
    *(".layer-guide", ".layer-actions", ".layer-state", ".layer-chart"),
    *(".layer-pem", ".layer-digits", ".layer-reason", ".delete-confirmation form"),
]
#: In the content, but Django's own: the search field, whose label is an image, and the
#: field of an autocomplete widget, which has no label.
DJANGOS = ["#changelist-search", ".select2-container"]
HIDDEN = """
(selector) => {
  const color = (text) => {  // of any notation, as [red, green, blue, alpha]
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = color(getComputedStyle(at).backgroundColor);
      if (found[3] > 250 || getComputedStyle(at).backgroundImage !== "none") return found;
    }
    return [255, 255, 255, 255];
  };
  const differ = (one, other) =>
    one[3] > 25 && one.some((value, at) => at < 3 && Math.abs(value - other[at]) > 12);
  const problem = (element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    if (box.width < 24 || box.height < 16) return `${box.width} x ${box.height}`;
    const around = behind(element.parentElement);
    const has_border = style.borderTopStyle !== "none" &&
      parseFloat(style.borderTopWidth) > 0 && differ(color(style.borderTopColor), around);
    const own = color(style.backgroundColor);
    const has_background = differ(own, around) || style.backgroundImage !== "none";
    if (!has_border && !has_background) return "no border and no background";
    const is_plain = style.backgroundImage === "none";
    if (is_plain && !differ(color(style.color), behind(element))) return "text in its background";
    return "";
  };
  const shown = [...document.querySelectorAll(selector)].filter(
    (one) => one.checkVisibility({visibilityProperty: true}) &&
      !one.closest(".select2-hidden-accessible")
  );
  return {
    count: shown.length,
    hidden: shown.map((one) => [one.outerHTML.slice(0, 80), problem(one)])
      .filter(([_, text]) => text),
  };
}
"""
AXE = """
([include, exclude]) => axe.run(
  {include: include.map((one) => [one]), exclude: exclude.map((one) => [one])},
  {resultTypes: ["violations"]}
).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes[0].html}`))
"""


def controls(page) -> dict:
    """Return the number of controls, and those that cannot be seen, with the reason."""
    return page.evaluate(HIDDEN, CONTROLS)


def violations(page, *selectors: str) -> list[str]:
    """Return the serious findings of axe below these elements, or below ours."""
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js")
    page.evaluate(script.read_text(encoding="utf-8"))
    wanted = [one for one in selectors or OURS if page.query_selector(one)]
    return page.evaluate(AXE, [wanted, DJANGOS]) if wanted else []
