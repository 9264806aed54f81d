"""Witness of Compute Engine: Google's own client, google-cloud-compute.

Its types are held against every body that the adapter sent and every answer of the peer, and the client itself lists, makes
and deletes machines on the peer. What it sends for a body of the adapter must be that body again.

The parser of these types refuses less than Google's form has: most enums are texts to it, and a 64-bit number may be one. So
what it takes is walked once more.

Reads one JSON object on stdin and prints one on stdout:
in: {"url", "project", "region", "zone", "token", "owner": text, "calls": [{method, path, body, status, answer}],
    "attempts": number of inserts; without one, nothing of the calls is sent again}
out: {"problems": [text], "judged": count, "pages": count, "machines": [{name, zone, number, status, model, type, labels, born,
    seconds, disk_gib}], "events": [{type, target, status}], "reads": {cpus, memory, quotas, prices}, "attempts": [{raised,
    status, reasons, codes}], "made": {seen, again, taken}, "left": [names]}
The exit status is 1 when there are problems; they are on stderr too.
"""

import datetime
import json
import re
import sys
import uuid

from google.api_core import exceptions
from google.cloud import compute_v1
from google.oauth2.credentials import Credentials
from google.protobuf import json_format

# What is sent and told, by method and path within the project.
FORMS = [
    ("POST", "zones/[^/]+/instances", compute_v1.Instance, compute_v1.Operation),
    ("GET", "zones/[^/]+/instances/[^/]+", None, compute_v1.Instance),
    ("DELETE", "zones/[^/]+/instances/[^/]+", None, compute_v1.Operation),
    ("GET", "aggregated/instances", None, compute_v1.InstanceAggregatedList),
    ("GET", "zones/[^/]+/operations", None, compute_v1.OperationList),
    ("GET", "zones/[^/]+/operations/[^/]+", None, compute_v1.Operation),
    ("POST", "zones/[^/]+/operations/[^/]+/wait", None, compute_v1.Operation),
    ("GET", "zones/[^/]+/machineTypes/[^/]+", None, compute_v1.MachineType),
    ("GET", "regions/[^/]+", None, compute_v1.Region),
    (
        "POST",
        "regions/[^/]+/advice/capacityHistory",
        compute_v1.CapacityHistoryRequest,
        compute_v1.CapacityHistoryResponse,
    ),
    ("POST", "regions/[^/]+/advice/capacity", compute_v1.CapacityAdviceRequest, compute_v1.CapacityAdviceResponse),
]
# No field of an answer is required by the types; without these nobody could follow it.
NEEDED = {
    "Instance": ("id", "name", "status", "zone", "machineType", "creationTimestamp"),
    "Operation": ("id", "name", "status", "zone", "operationType", "targetId", "targetLink", "insertTime"),
}
# An operation of the peer is over after one wait, unless a test says otherwise.
WAITS = 10


def fits(value, model, path, told):
    """What of a value does not fit the type, as texts with the path."""
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {model.__name__}"]
    message = model.pb(model())
    try:
        json_format.ParseDict(value, message, ignore_unknown_fields=False)
    except json_format.ParseError as error:
        return [f"{path}: {str(error).splitlines()[0]}"]
    return walk(value, message.DESCRIPTOR, path, told)


def walk(value, kind, path, told):
    """What of a message that the parser takes is not as Google writes it."""
    # The parser takes the names of the .proto file too.
    known = {field.json_name: field for field in kind.fields}
    problems = []
    for key, one in value.items():
        if key not in known:
            problems.append(f"{path}.{key}: on the wire {kind.name} has no such field")
            continue
        if one is None:
            problems.append(f"{path}.{key}: is null, where Google leaves a field out")
            continue
        field, items = known[key], [(f"{path}.{key}", one)]
        if field.message_type and field.message_type.GetOptions().map_entry:
            field = field.message_type.fields_by_name["value"]
            items = [(f"{path}.{key}[{name}]", item) for name, item in one.items()]
        elif field.is_repeated:
            items = [(f"{path}.{key}[{n}]", item) for n, item in enumerate(one)]
        for place, item in items:
            if field.message_type:
                problems += walk(item, field.message_type, place, told)
            else:
                problems += walk_scalar(item, field, kind, place)
    if told:
        missing = [name for name in NEEDED.get(kind.name, ()) if name not in value]
        problems += [f"{path}.{name}: is missing" for name in missing]
    return problems


def walk_scalar(value, field, kind, path):
    # The types name their enums after the fields, also where the field is a text.
    enum = field.enum_type or kind.enum_types_by_name.get(field.name.title().replace("_", ""))
    if enum:
        # The first value stands for a field that is not there.
        known = [one.name for one in enum.values if one.number != 0]
        return [] if value in known else [f"{path}: {value!r} is none of {', '.join(known)}"]
    if field.name.endswith(("_time", "_timestamp")):
        try:
            aware = datetime.datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            aware = False
        return [] if aware else [f"{path}: {value!r} is no time of RFC 3339"]
    if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
        return [] if isinstance(value, str) else [f"{path}: {value!r} is a 64-bit number and no text"]
    if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32):
        return [] if isinstance(value, int) else [f"{path}: {value!r} is no number"]
    if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return [] if isinstance(value, (int, float)) else [f"{path}: {value!r} is no number"]
    # Texts and truth values: the parser takes no others.
    return []


def judged(call, project, name):
    """What of a call does not fit: its body, and its answer."""
    inner = call["path"].removeprefix(f"/compute/v1/projects/{project}/")
    found = [form for form in FORMS if form[0] == call["method"] and re.fullmatch(form[1], inner)]
    if len(found) != 1:
        return [f"{name}: {call['method']} {call['path']} is {len(found)} calls of the client"]
    ((_, _, sent, told),) = found
    problems = fits(call["body"], sent, f"{name} sent", False) if sent else []
    if call["status"] == 200:
        problems += fits(call["answer"], told, f"{name} told", True)
    return problems


class Google:
    """The client: one for each service."""

    def __init__(self, given):
        self.given, self.kept, self.problems = given, [], []
        self.instances = self.client(compute_v1.InstancesClient)
        self.operations = self.client(compute_v1.ZoneOperationsClient)
        self.types = self.client(compute_v1.MachineTypesClient)
        self.regions = self.client(compute_v1.RegionsClient)
        self.advice = self.client(compute_v1.AdviceClient)
        # What follows an operation is made without our endpoint, and would ask Google.
        self.instances.transport._extended_operations_services["zone_operations"] = self.operations

    def client(self, kind):
        endpoint = {"api_endpoint": self.given["url"]}
        made = kind(credentials=Credentials(self.given["token"]), client_options=endpoint)
        session = made.transport._session
        # No proxy is asked for the loopback.
        session.trust_env = False
        session.hooks["response"].append(self.keep)
        return made

    def keep(self, answer, **_):
        request = answer.request
        body = json.loads(request.body) if request.body else None
        path = request.path_url.split("?")[0]
        self.kept.append(
            {"method": request.method, "path": path, "body": body, "status": answer.status_code, "answer": answer.json()}
        )

    def demand(self, true, text):
        if not true:
            self.problems.append(text)

    def listed(self):
        """Zone and machine, of all that carry our label."""
        request = compute_v1.AggregatedListInstancesRequest(
            project=self.given["project"], filter=f"labels.spotfleet-owner={self.given['owner']}"
        )
        for scope, found in self.instances.aggregated_list(request):
            for machine in found.instances:
                yield scope.removeprefix("zones/"), machine

    def machines(self):
        told = []
        for zone, listed in self.listed():
            one = self.instances.get(project=self.given["project"], zone=zone, instance=listed.name)
            self.demand(one == listed, f"{one.name} is another by itself than in the list")
            self.demand(one.zone.endswith(f"/zones/{zone}"), f"{one.name} is of {one.zone} in the list of {zone}")
            born = datetime.datetime.fromisoformat(one.creation_timestamp)
            told.append(
                {
                    "name": one.name,
                    "zone": zone,
                    "number": one.id,
                    "status": one.status,
                    "model": one.scheduling.provisioning_model,
                    "type": one.machine_type.rsplit("/", 1)[1],
                    "labels": dict(one.labels),
                    "born": round(born.timestamp() * 1000),
                    "seconds": one.scheduling.max_run_duration.seconds,
                    "disk_gib": [disk.initialize_params.disk_size_gb for disk in one.disks],
                }
            )
        return told

    def events(self):
        request = compute_v1.ListZoneOperationsRequest(
            project=self.given["project"],
            zone=self.given["zone"],
            filter='operationType="compute.instances.preempted"',
        )
        for event in self.operations.list(request):
            yield {"type": event.operation_type, "target": event.target_id, "status": event.status.name}

    def reads(self):
        """The calls that make nothing, as the adapter makes them."""
        project, region, zone = (self.given[name] for name in ("project", "region", "zone"))
        kind = self.types.get(project=project, zone=zone, machine_type="n2-standard-4")
        quotas = self.regions.get(project=project, region=region).quotas
        prices = []
        bodies = [call["body"] for call in self.given["calls"] if call["path"].endswith("/advice/capacityHistory")]
        for body in bodies[:1] if self.given["attempts"] else []:
            wanted = compute_v1.CapacityHistoryRequest.from_json(json.dumps(body))
            history = self.advice.capacity_history(
                project=project, region=region, capacity_history_request_resource=wanted
            )
            self.demand(self.kept[-1]["body"] == body, f"{body} is sent as {self.kept[-1]['body']}")
            prices = [record.list_price.units * 10**9 + record.list_price.nanos for record in history.price_history]
        scores = []
        bodies = [call["body"] for call in self.given["calls"] if call["path"].endswith("/advice/capacity")]
        for body in bodies[:1] if self.given["attempts"] else []:
            wanted = compute_v1.CapacityAdviceRequest.from_json(json.dumps(body))
            advice = self.advice.capacity(project=project, region=region, capacity_advice_request_resource=wanted)
            self.demand(self.kept[-1]["body"] == body, f"{body} is sent as {self.kept[-1]['body']}")
            scores = [recommendation.scores.obtainability for recommendation in advice.recommendations]
        return {
            "scores": scores,
            "cpus": kind.guest_cpus,
            "memory": kind.memory_mb,
            "quotas": {quota.metric: quota.limit for quota in quotas},
            "prices": prices,
        }

    def insert(self, body, name, request_id):
        """What the client makes of a body of the adapter, under another name."""
        body = {**body, "name": name}
        zone = body["machineType"].split("/")[1]
        request = compute_v1.InsertInstanceRequest(
            project=self.given["project"],
            zone=zone,
            request_id=request_id,
            instance_resource=compute_v1.Instance.from_json(json.dumps(body)),
        )
        try:
            return zone, self.instances.insert(request)
        finally:
            self.demand(self.kept[-1]["body"] == body, f"{body} is sent as {self.kept[-1]['body']}")

    def finish(self, zone, operation):
        """Waits for the end of an operation, and raises what the client raises of it."""
        for _ in range(WAITS):
            waited = self.operations.wait(project=self.given["project"], zone=zone, operation=operation.name)
            if waited.status == compute_v1.Operation.Status.DONE:
                # It asks for the operation once more itself.
                operation.result()
                return
        raise RuntimeError(f"{operation.name} has not ended after {WAITS} waits: {waited.status!r}")

    def attempt(self, body, name):
        """What comes of one insert; the zone of a machine that is there."""
        said = {"raised": None, "status": None, "reasons": [], "codes": []}
        try:
            zone, operation = self.insert(body, name, str(uuid.uuid4()))
            self.finish(zone, operation)
        except exceptions.GoogleAPICallError as error:
            said.update(raised(error))
            return said, None
        # One that ended with an error but names no status of HTTP is no error to the client.
        said["codes"] = [one.code for one in operation.error.errors]
        return said, None if said["codes"] else zone

    def life(self, zone, body, name):
        """A machine from its making to its end, as the client sees it."""
        project, seen = self.given["project"], []
        made = {"seen": seen}
        request_id = str(uuid.uuid4())

        def look():
            try:
                seen.append(self.instances.get(project=project, zone=zone, instance=name).status)
            except exceptions.NotFound as error:
                seen.append(error.errors[0]["reason"])

        _, operation = self.insert(body, name, request_id)
        look()
        self.demand(name in [machine.name for _, machine in self.listed()], f"{name} is not listed")
        # The same request is the same operation; another one for the same name is refused.
        made["again"] = self.insert(body, name, request_id)[1].name == operation.name
        try:
            self.insert(body, name, str(uuid.uuid4()))
        except exceptions.GoogleAPICallError as error:
            made["taken"] = raised(error)
        self.finish(zone, operation)
        look()
        operation = self.instances.delete(project=project, zone=zone, instance=name)
        look()
        self.finish(zone, operation)
        look()
        return made


def raised(error):
    """An error of the client in short: its errors are of the answer, or of an operation."""
    reasons = [one["reason"] for one in error.errors if isinstance(one, dict)]
    codes = [one.code for one in error.errors if not isinstance(one, dict)]
    # The newer form has its reason in the details.
    reasons += [error.reason] if error.reason else []
    return {"raised": type(error).__name__, "status": int(error.code), "reasons": reasons, "codes": codes}


def main():
    given = json.load(sys.stdin)
    google = Google(given)
    said = {"machines": google.machines(), "events": list(google.events()), "reads": google.reads(), "attempts": []}
    said["pages"] = sum(call["path"].endswith("/aggregated/instances") for call in google.kept)
    bodies = [call["body"] for call in given["calls"] if re.fullmatch(".*/zones/[^/]+/instances", call["path"])]
    for n in range(given["attempts"]):
        outcome, zone = google.attempt(bodies[n % len(bodies)], f"witness-{n}")
        said["attempts"].append(outcome)
        if zone:
            operation = google.instances.delete(project=given["project"], zone=zone, instance=f"witness-{n}")
            google.finish(zone, operation)
    if given["attempts"]:
        body = bodies[0]
        said["made"] = google.life(body["machineType"].split("/")[1], body, "witness-life")
    # The client gives the zones of a page in any order.
    said["left"] = sorted(machine.name for _, machine in google.listed())
    problems = google.problems
    for number, call in enumerate(given["calls"]):
        problems += judged(call, given["project"], f"calls[{number}]")
    for number, call in enumerate(google.kept):
        problems += judged(call, given["project"], f"own[{number}]")
    said.update(problems=problems, judged=len(given["calls"]) + len(google.kept))
    json.dump(said, sys.stdout)
    for text in problems:
        print(text, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
