"""A driver for the demo's page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Request, expect


class Phone:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[Request] = []
        self.console: list[str] = []
        page.on("request", lambda request: self.requests.append(request))
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.goto("/")

    def press(self, *labels: str) -> None:
        for label in labels:
            self.page.get_by_role("button", name=label, exact=True).click()

    def step(self, name: str) -> Locator:
        return self.page.locator(f"[data-step={name}]")

    def sees_status(self, text: str) -> None:
        expect(self.page.get_by_role("status")).to_have_text(text)

    def sees_error(self, step: str, *texts: str) -> None:
        error = self.step(step).get_by_role("alert")
        for text in texts:
            expect(error).to_contain_text(text)

    def sees(self, step: str, text: str) -> None:
        expect(self.step(step)).to_contain_text(text)

    def sees_rows(self, count: int) -> None:
        """Expect so many rows in a list of the admin."""
        expect(self.page.locator("#result_list tbody tr")).to_have_count(count)

    def is_offered(self, *labels: str) -> None:
        """Expect exactly these primary buttons to be enabled."""
        buttons = self.page.locator("button.primary:enabled")
        expect(buttons).to_have_text(list(labels))

    def is_focused(self, label: str) -> None:
        expect(self.page.locator(":focus")).to_have_text(label)

    def copies(self, step: str, name: str, answer: str) -> None:
        """Press a copy button and expect what it says."""
        label = f"Copy the {name}"
        block = self.step(step).locator(".copy", has_text=label)
        block.get_by_role("button", name=label).click()
        expect(block.locator("[aria-live=polite]")).to_have_text(answer)

    def authenticate(self, person: str) -> None:
        self.press(person, "Ask for a nonce", "Get the token", "Send the token")
        self.sees_status(f"Authenticated as {person.lower()}")

    def leave(self) -> None:
        self.press("Deauthenticate")
        self.is_offered("Alice", "Bob")

    def csrf_token(self) -> str:
        cookies = self.page.context.cookies()
        return next(
            c["value"] for c in cookies if c["name"].startswith("layer_demo_csrf")
        )
