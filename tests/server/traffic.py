"""
Clients of the soak test, honest and hostile.

Each is an endless generator that sends requests with its phone and yields the answers.
"""

from __future__ import annotations

import itertools
import json
import secrets
import socket

from tests.server.clients import URL, new_nonce

PASSWORD = "correct horse battery staple"
HUGE = json.dumps({"nonce": "x" * 1_000_000})
MALFORMED = [  # method, headers, body
    ("POST", {}, "{"),
    ("POST", {}, b'{"nonce": "\xff"}'),
    ("POST", {}, '{"nonce": "a", "nonce": "b"}'),
    ("POST", {}, "[" * 8000),
    ("POST", {}, '{"nonce": "\\ud800"}'),
    ("POST", {}, "[]"),
    ("POST", {}, '{"nonce": 1}'),
    ("POST", {}, '{"nonce": "\\u0000"}'),
    ("POST", {}, HUGE),
    ("POST", {"Content-Encoding": "gzip"}, "{}"),
    ("POST", {"Content-Type": "text/xml"}, "<nonce/>"),
    ("POST", {"Content-Type": "application/json; charset=utf-7"}, "{}"),
    ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, "nonce=a b&x=%ff"),
    ("POST", {"Content-Type": "multipart/form-data; boundary=b"}, "--b\r\n\r\n"),
    ("POST", {"Content-Type": "multipart/form-data"}, "--b--"),
    ("GET", {}, None),
    ("PUT", {}, "{}"),
    ("OPTIONS", {}, None),
    ("POST", {"X-HTTP-Method-Override": "PUT"}, "{}"),
]


def honest(phone, _, tokens):
    """Request tokens for one user after another, sometimes twice with the same nonce."""
    for count, token in enumerate(itertools.cycle(tokens)):
        phone.log_in(token)
        nonce = new_nonce()
        yield phone.ask(nonce=nonce)
        if count % 10 == 0:  # as if the answer was lost
            yield phone.ask(nonce=nonce)


def with_password(phone, usernames, _):
    """Send the password with each request, like Layer's Atlas clients."""
    for username in itertools.cycle(usernames):
        yield phone.ask(user={"username": username, "password": PASSWORD})


def malformed(phone, _, tokens):
    """Send requests with all kinds of malformed bodies and headers."""
    for token in itertools.cycle(tokens):
        phone.log_in(token)
        for method, headers, body in MALFORMED:
            yield phone.send(body, method, **headers)
            if body is HUGE:  # the server need not read it to the end
                phone.close()


def replaying(phone, _, tokens):
    """Use a nonce for one user, then for another user."""
    for pair in itertools.cycle(itertools.pairwise(tokens)):
        nonce = new_nonce()
        for token in pair:
            phone.log_in(token)
            yield phone.ask(nonce=nonce)


def mismatched(phone, _, tokens):
    """Send another user's ID, an unknown app, no nonce."""
    for token in itertools.cycle(tokens):
        phone.log_in(token)
        yield phone.ask(user_id="another user")
        yield phone.ask(app_id="aaaaaaaa-0000-4000-8000-00000000dead")
        yield phone.send("{}")


def bursting(phone, _, tokens):
    """Send requests of one user without a pause."""
    phone.log_in(tokens[0])
    while True:
        yield phone.ask()


def unauthenticated(phone, *_):
    """Send no credentials, or invalid ones."""
    while True:
        yield phone.ask()
        phone.log_in(secrets.token_hex(20))
        yield phone.ask()
        phone.log_out()


def guessing_passwords(phone, usernames, _):
    """Send random passwords."""
    for username in itertools.cycle(usernames):
        yield phone.ask(username=username, password=secrets.token_hex(4))


def hanging_up(phone, *_):
    """Announce a body, send a part of it and disconnect without an answer."""
    head = (
        f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
        "Content-Type: application/json\r\n\r\n"
    )
    while True:
        with socket.create_connection(phone.address) as connection:
            connection.sendall(head.encode() + b'{"nonce": "')
        yield None
