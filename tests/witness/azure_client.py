"""Witness of Azure: Microsoft's own client, azure-mgmt-compute.

Its table of models is walked by every body that the adapter sent and every machine that the peer tells of, and the
client itself lists, makes and deletes machines on the peer.

Reads one JSON object on stdin and prints one on stdout:
in: {"url", "subscription", "group", "token": text, "sent": [bodies of PUT]}
out: {"problems": [text], "told": count, "machines": [{name, priority, zones, tags, state, size}], "made": state,
    "left": [names]}
"""

import enum
import json
import sys
import typing

from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.policies import AzureKeyCredentialPolicy, SansIOHTTPPolicy
from azure.mgmt.compute import ComputeManagementClient, models
from azure.mgmt.compute._utils.model_base import Model, _RestField
from azure.mgmt.compute.models import _models


def fields(model):
    """Name on the wire: (field, type) of every field of a model."""
    types = {}
    for part in reversed(model.__mro__):
        if part in (Model, object) or not issubclass(part, Model):
            continue
        hints = typing.get_type_hints(part, {**vars(_models), "_models": models}, include_extras=False)
        for name, value in vars(part).items():
            if isinstance(value, _RestField):
                types[value._rest_name_input or name] = (value, hints[name])
    return types


def walk(value, kind, path, sent):
    """What of a value does not fit the table, as texts with the path."""
    origin = typing.get_origin(kind)
    if origin is typing.Union:
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        if value is None and len(options) < len(typing.get_args(kind)):
            return []
        # Sizes are more than the table knows: it says itself that SKUs are the list of them.
        if models.VirtualMachineSizeTypes in options:
            options = [str]
        # A text with known values: these alone.
        options = [option for option in options if isinstance(option, type) and issubclass(option, enum.Enum)] or options
        found = [walk(value, option, path, sent) for option in options]
        return min(found, key=len)
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        (item,) = typing.get_args(kind)
        return [text for n, one in enumerate(value) for text in walk(one, item, f"{path}[{n}]", sent)]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no mapping"]
        (_, item) = typing.get_args(kind)
        return [text for key, one in value.items() for text in walk(one, item, f"{path}.{key}", sent)]
    if kind is typing.Any:
        return []
    if issubclass(kind, Model):
        return walk_model(value, kind, path, sent)
    if issubclass(kind, enum.Enum):
        known = [member.value for member in kind]
        return [] if value in known else [f"{path}: {value!r} is none of {', '.join(map(str, known))}"]
    if kind is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind in (str, bool, int):
        fits = type(value) is kind
    else:
        # Times and the like are texts on the wire.
        fits = isinstance(value, str)
    return [] if fits else [f"{path}: {value!r} is no {kind.__name__}"]


def walk_model(value, model, path, sent):
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {model.__name__}"]
    known = fields(model)
    problems = []
    for key, one in value.items():
        if key not in known:
            problems.append(f"{path}.{key}: {model.__name__} has no such field")
            continue
        field, kind = known[key]
        if sent and field._visibility and not {"create", "update"} & set(field._visibility):
            problems.append(f"{path}.{key}: this is told, never sent")
        problems += walk(one, kind, f"{path}.{key}", sent)
    for key, (field, kind) in known.items():
        optional = typing.get_origin(kind) is typing.Union and type(None) in typing.get_args(kind)
        told_only = field._visibility and not {"create", "update"} & set(field._visibility)
        if key not in value and not optional and not (sent and told_only):
            problems.append(f"{path}.{key}: is missing")
    return problems


class Told(SansIOHTTPPolicy):
    """Keeps the machines of every answer."""

    def __init__(self):
        self.machines = []

    def on_response(self, request, response):
        response.http_response.read()
        text = response.http_response.text()
        body = json.loads(text) if text else {}
        if "virtualMachines" in str(body.get("type", "")):
            self.machines.append(body)
        for machine in body.get("value", []):
            if "virtualMachines" in str(machine.get("type", "")):
                self.machines.append(machine)


def main():
    given = json.load(sys.stdin)
    problems = []
    for number, body in enumerate(given["sent"]):
        problems += walk(body, models.VirtualMachine, f"sent[{number}]", True)
    told = Told()
    key = AzureKeyCredential(given["token"])
    login = AzureKeyCredentialPolicy(key, "Authorization", prefix="Bearer")
    client = ComputeManagementClient(
        key,
        given["subscription"],
        base_url=given["url"],
        authentication_policy=login,
        per_retry_policies=[told],
        polling_interval=0,
        retry_total=0,
    )
    group, api = given["group"], client.virtual_machines
    machines = []
    for machine in api.list(group):
        one = api.get(group, machine.name, expand="instanceView")
        size = one.properties.hardware_profile.vm_size
        machines.append(
            {
                "name": one.name,
                "priority": getattr(one.properties.priority, "value", one.properties.priority),
                "zones": one.zones,
                "tags": dict(one.tags),
                "state": one.properties.provisioning_state,
                "size": str(getattr(size, "value", size)),
            }
        )
    # What the client itself makes of a body of ours, under another name.
    made = None
    if given["sent"] and not problems:
        body = models.VirtualMachine(given["sent"][0])
        made = api.begin_create_or_update(group, "witness-1", body).result().properties.provisioning_state
        api.begin_delete(group, "witness-1").result()
    for number, machine in enumerate(told.machines):
        problems += walk(machine, models.VirtualMachine, f"told[{number}]", False)
    left = [machine.name for machine in api.list(group)]
    said = {"problems": problems, "told": len(told.machines), "machines": machines, "made": made, "left": left}
    json.dump(said, sys.stdout)


main()
