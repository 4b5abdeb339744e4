"""All kinds of output, one function each. They yield pairs of a name and a text."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO, StringIO

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection

from django_layer_identity.admin.forms import NewSigningKeyForm
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.models import SigningKey
from django_layer_identity.models.issuing import get_for_issuing
from tests.internals import clear_loaded_keys, encryption_keys
from tests.secrecy import commands, crawler
from tests.secrecy.world import World

LISTS = (
    "/admin/layer_identity/layeruser/",
    "/admin/layer_identity_audit/auditentry/",
)

Seen = Iterator[tuple[str, str | bytes]]


def admin_pages(world: World) -> Seen:
    world.import_key()
    world.issue()
    yield from crawler.pages(world.client)


def admin_answers(world: World) -> Seen:
    """Yield the responses to posts that fail, and to posts that store the key."""
    yield from crawler.answers(world.client, world.pems())
    world.import_key()
    yield "a token", world.issue().content
    yield from crawler.answers(world.client, world.pems())


def searches(world: World) -> Seen:
    key = world.import_key()
    keys, apps_ = "/admin/layer_identity/signingkey/", "/admin/layer_identity/layerapp/"
    private = "encrypted_private_key"
    for address in (
        f"{keys}?q={key.fingerprint[:16]}",
        f"{keys}?q=lid1",
        f"{keys}?{private}__startswith=lid1",
        f"{keys}?app__keys__{private}__contains=lid1",
        f"{keys}?o=1.2.3&all=",
        f"{apps_}?keys__{private}__startswith=lid1",
        f"{apps_}?active_key__{private}__startswith=lid1",
        "/admin/autocomplete/?app_label=layer_identity&model_name=signingkey"
        "&field_name=app&term=lid1",
        f"{keys}{key.pk}/change/?_popup=1",
        f"{keys}add/?app={world.app.pk}&private_key=&source=import",
    ):
        yield address, world.client.get(address).content
    for address in (keys, apps_, *LISTS):
        for name, secret in world.pems().items():
            answer = world.client.get(address, {"q": secret}, follow=True)
            yield f"{address} searched for {name}", answer.content


def records(world: World) -> Seen:
    """Yield the history, the sessions with messages, the cookies and the cache."""
    world.import_key()
    world.post_key()
    world.post_key(key_id="no key ID")
    for entry in LogEntry.objects.all():
        yield "history", f"{entry} {entry.change_message} {entry.get_change_message()}"
    for session in Session.objects.all():
        yield "session", repr(session.get_decoded())
    yield "cookies", repr(world.client.cookies)
    yield "cache", repr(cache._cache)


def stored_rows(world: World) -> Seen:
    world.import_key()
    for model in apps.get_models():
        yield model._meta.label, repr(list(model._default_manager.values()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM layer_identity_signingkey")
        yield "the table of keys", repr(cursor.fetchall())


def endpoint_answers(world: World) -> Seen:
    world.issue()
    world.import_key()
    yield "a token", world.issue().content
    yield "the public keys", world.user_client.get("/layer/jwks.json").content
    SigningKey.objects.update(encrypted_private_key="lid1:damaged")
    clear_loaded_keys()
    yield "a refusal", world.issue().content


def command_outputs(world: World) -> Seen:
    yield from commands.outputs(world)


def dumps(world: World) -> Seen:
    world.import_key()
    for form in ("json", "jsonl", "xml", "python"):
        for natural in (False, True):
            out = StringIO()
            if form == "python":
                yield form, repr(list(_serialized(form)))
                continue
            options = {"natural_foreign": natural, "natural_primary": natural}
            call_command("dumpdata", "--all", format=form, stdout=out, **options)
            yield f"dumpdata {form}", out.getvalue()


def _serialized(form: str) -> Iterator[object]:
    from django.core import serializers

    for model in apps.get_models():
        yield serializers.serialize(form, model._base_manager.all())


def objects(world: World) -> Seen:
    """Yield models, forms and value objects, each in several representations."""
    for name, thing in _things(world).items():
        for look in LOOKS:
            yield f"{look.__name__} of {name}", look(thing)


def _things(world: World) -> dict[str, object]:
    data = {"app": world.app.pk, "source": "import", "private_key": world.pem()}
    form = NewSigningKeyForm(data)
    form.is_valid()
    invalid_form = NewSigningKeyForm({**data, "key_id": "no key ID", "app": ""})
    invalid_form.is_valid()
    key = world.import_key()
    signer = key.load_signer()
    return {
        "PrivateKey": PrivateKey(world.rsa_key),
        "LocalSigner": signer,
        "SigningKey": key,
        "unsaved SigningKey": form.instance,
        "LayerApp": get_for_issuing(None, world.user.pk),
        "keys": list(type(key).objects.all()),
        "queryset": type(key).objects.all(),
        "form": form,
        "form with errors": invalid_form,
        "IssuedToken": issue_identity_token(world.user, "a nonce"),
        "encrypting keys": encryption_keys(),
    }


def _repr(thing: object) -> str:
    return repr(thing)


def _str(thing: object) -> str:
    return f"{thing} {thing!s}"


def _vars(thing: object) -> str:
    return repr(getattr(thing, "__dict__", None))


def _vars_within(thing: object) -> str:
    """Return the attributes, three levels deep, as a debugger shows them."""
    return repr(_opened(thing, 3))


def _opened(thing: object, steps: int) -> object:
    if steps == 0 or not hasattr(thing, "__dict__"):
        return repr(thing)
    return {name: _opened(value, steps - 1) for name, value in vars(thing).items()}


def _pickled(thing: object) -> bytes:
    """Return all that pickling writes, also if it stops with an error."""
    out = BytesIO()
    with suppress(TypeError, AttributeError, pickle.PicklingError):
        pickle._Pickler(out, protocol=4).dump(thing)  # writes as it goes
    return out.getvalue()


def _copied(thing: object) -> str:
    copied = copy.deepcopy(thing)
    return _repr(copied) + _vars_within(copied)


LOOKS: list[Callable] = [_repr, _str, _vars, _vars_within, _pickled, _copied]


SURFACES: list[Callable[[World], Seen]] = [
    admin_pages,
    admin_answers,
    searches,
    records,
    stored_rows,
    dumps,
    objects,
    endpoint_answers,
    command_outputs,
]
