"""Crawl the admin: follow every link and submit every form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

CRAWLED = ("/admin/layer_identity", "/admin/admin/")  # includes the audit trail
FORMS = "/admin/layer_identity"
SECRET_FIELDS = (
    "private_key",
    "passphrase",
    "q",
    "token",
    "nonce",
)  # other fields show pasted text again


class Page(HTMLParser):
    """The links and the forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag == "form":
            to, method = attributes.get("action") or "", attributes.get("method", "get")
            self.forms.append({"to": to, "method": method, "fields": {}, "texts": []})
        elif tag in ("input", "select", "textarea", "button") and self.forms:
            self._add_field(tag, attributes)

    def _add_field(self, tag: str, attributes: dict) -> None:
        form, name = self.forms[-1], attributes.get("name")
        kind = attributes.get("type", "text") if tag == "input" else tag
        if name is None or (
            kind in ("checkbox", "radio") and "checked" not in attributes
        ):
            return
        form["fields"][name] = attributes.get("value") or ""
        if kind in ("text", "password", "search", "textarea", "select"):
            form["texts"].append(name)


def pages(client, start: str = "/admin/") -> Iterator[tuple[str, str]]:
    """Yield the address and the text of each page that links reach."""
    waiting, known = [start], {start}
    queries: Counter[str] = Counter()  # limits endless sort orders and filters
    while waiting:
        address = waiting.pop()
        text = client.get(address).content.decode()
        yield address, text
        for link in Page(text).links:
            found = urljoin(address, link)
            path = urlsplit(found).path
            if found in known or not path.startswith(CRAWLED) or queries[path] == 2:
                continue
            known.add(found)
            queries[path] += 1
            waiting.append(found)


def answers(client, planted: dict[str, str]) -> Iterator[tuple[str, str]]:
    """
    Submit every form with a secret field, each time with one secret in one such field.

    :param planted: the secrets by name. The other fields keep the values of the page,
        so most of these posts fail.
    """
    sent = set()
    for address, text in list(pages(client)):
        for form in Page(text).forms:
            to, send = urljoin(address, form["to"]), getattr(client, form["method"])
            for field in set(SECRET_FIELDS).intersection(form["texts"]):
                known = (urlsplit(to).path, *form["fields"], field)
                if known in sent or not urlsplit(to).path.startswith(FORMS):
                    continue
                sent.add(known)
                for name, secret in planted.items():
                    answer = send(to, {**form["fields"], field: secret}, follow=True)
                    yield f"{to} with {name} in {field}", answer.content.decode()
