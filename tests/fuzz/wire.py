"""Valid requests with changed bytes; the input's number is the random seed."""

from __future__ import annotations

import io
import json
import random
import statistics
import time
from collections import Counter

import jwt
from django.core.handlers.wsgi import WSGIRequest

from django_layer_identity.api.errors import CHALLENGED, STATUSES
from tests.endpoint import BASE64, FORM, JSON, MULTIPART, NONCE, URL, multipart, part

BODIES = [
    (JSON, json.dumps({"nonce": NONCE, "app_id": None, "user_id": "alice"})),
    (JSON, '{"nonce": "a\\u0041\\ud83d\\ude00", "x": [{"y": [1.5e3, true, null]}]}'),
    (FORM, "nonce=a%2Bb%2Fc%3D%3D&user_id=alice&x=%F0%9F%98%80"),
    (MULTIPART, multipart(part("name=nonce", NONCE), part("name=app_id", ""))),
    (MULTIPART, multipart(part('name="nonce"; filename="f"', "eA==", BASE64))),
]
TOKENS = [
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\r\n", b"\x1b[2J", b"\xe2\x80\xa8", b"%00"),
    *(b'"', b"\\", b"\\ud800", b"[" * 40, b'{"a":' * 20, b"9" * 500, b"1e999", b"NaN"),
    *(b"nonce", b"app_id", b"user_id", b"password", b"username", b"&", b"=", b"--b"),
    *(
        b"; charset=punycode",
        b"*=idna''",
        b"; name*; name*0",
        b"; x*",
        b'""idna',
        b"Content-Disposition: form-data; name*=",
    ),
    *(b"layer:///apps/production/", b"' OR 1=1 --", b"${jndi:x}", b"<script>"),
]
TYPES = [
    *(JSON, FORM, MULTIPART, "text/plain", "", "*/*", "application/json; charset="),
    *("multipart/form-data", f"{JSON}; charset=utf-8", f"{FORM}; charset=utf-16"),
]
HEADERS = {
    "HTTP_ACCEPT": ["text/html", "*/*;q=0", "application/json; indent=99999"],
    "HTTP_AUTHORIZATION": ["Token", "Token \xff", "Basic x", "Bearer a.b.c", "\x85"],
    "HTTP_CONTENT_ENCODING": ["gzip", "identity", "", "br, gzip"],
    "HTTP_COOKIE": ["sessionid=x; csrftoken=", "=;=;=", "\xff=\xff"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE", "GET"],
    "HTTP_TRANSFER_ENCODING": ["chunked"],
    "QUERY_STRING": ["nonce=abc&_method=GET", "%ff", "&" * 2000, "format=xml"],
    "CONTENT_LENGTH": ["", "0", "-1", "+5", "99999999999999999999", "x", "5"],
    "SERVER_PROTOCOL": ["HTTP/1.0"],
}
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "BREW", "post"]


def run(project, numbers):
    """Try the inputs of these numbers; return counts of the answers, and the slowest."""
    answers, slowest = Counter(), 0.0
    for number in numbers:
        if not can_be_parsed(project, number):
            answers["rejected by Django"] += 1
            continue
        answer, seconds = measure(project, number)
        if seconds > slowest:  # measure again: it may be garbage collection
            again = [measure(project, number)[1] for _ in range(4)]
            slowest = max(slowest, statistics.median([seconds, *again]))
        answers[judge(number, project.key, *answer)] += 1
    return answers, slowest


def can_be_parsed(project, number):
    """Return whether Django itself can parse the input of this number."""
    try:
        WSGIRequest(request(number, project.authorization))
    except Exception:
        return False
    return True


def measure(project, number):
    """Send the input of this number; return the answer and its CPU seconds."""
    environ = request(number, project.authorization)
    start = time.process_time()
    answer = send(project.application, environ)
    return answer, time.process_time() - start


def run_ordinary(project):
    """Return the CPU seconds of an ordinary request: the median of many."""
    times = []
    for _ in range(51):
        environ = build(
            JSON, json.dumps({"nonce": "abc"}).encode(), project.authorization
        )
        start = time.process_time()
        status, _, _ = send(project.application, environ)
        times.append(time.process_time() - start)
        assert status == 200
    return statistics.median(times)


def request(number, authorization):
    """Return a WSGI environment that is more or less damaged."""
    chance = random.Random(number)  # noqa: S311
    content_type, text = chance.choice(BODIES)
    body = mutate(chance, text.encode(), chance.choice([0, 1, 1, 2, 3, 8]))
    if chance.random() < 0.2:
        content_type = _latin(mutate(chance, chance.choice(TYPES).encode(), 1))
    environ = build(content_type, body, authorization)
    if chance.random() < 0.3:
        name = chance.choice(list(HEADERS))
        environ[name] = chance.choice(HEADERS[name])
    if chance.random() < 0.05:
        environ["REQUEST_METHOD"] = chance.choice(METHODS)
    return environ


def build(content_type, body, authorization):
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": URL,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": authorization,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def mutate(chance, data, times):
    """Change the bytes in a number of places."""
    data = bytearray(data)
    for _ in range(times):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.randrange(1, 9))
        how = chance.randrange(6)
        if how == 0:
            data[at:at] = chance.choice(TOKENS)
        elif how == 1:
            data[at:end] = chance.choice(TOKENS)
        elif how == 2:
            del data[at:end]
        elif how == 3:
            data[at:end] = chance.randbytes(end - at)
        elif how == 4:
            data[at:at] = data[at:end] * chance.choice([1, 2, 50])
        else:
            del data[at:]
    return bytes(data[: chance.choice([20_000, 20_000, 20_000, 100])])


def _latin(data):
    """Return bytes as a WSGI header; servers refuse line breaks."""
    return data.decode("latin-1").replace("\r", "").replace("\n", "")


def send(application, environ):
    """Return the status, the headers and the body of the application's answer."""
    started = []
    chunks = application(environ, lambda *head: started.extend(head))
    try:
        body = b"".join(chunks)
    finally:
        chunks.close()
    return int(started[0].split()[0]), dict(started[1]), body


def judge(number, key, status, headers, body):
    """Return the code of the answer; raise an error if the answer is not documented."""
    assert headers["Cache-Control"] == "no-store", number
    assert headers["Content-Type"] == "application/json", number
    assert all(_is_header(value) for value in headers.values()), number
    answer = json.loads(body)
    if status == 200:
        claims = jwt.decode(answer["identity_token"], key.public_key, ["RS256"])
        assert claims["prn"] == "alice", number
        return "issued"
    expected = 401 if answer["code"] in CHALLENGED else STATUSES[answer["code"]]
    assert (status, answer["status"], status < 500) == (expected, expected, True), (
        number
    )
    return answer["code"]


def _is_header(value):
    return value.isprintable() and value.isascii()
