"""moto's server behind a layer of faults: the EC2, SQS and Price List peer of the tests.

Run: python fault_layer.py [--port N] [--stay]
Prints `listening on PORT` and serves until its standard input ends, so that it never outlives who started it
(`--stay`: until it is killed). Loopback only.

Calls from clients pass through: counted, then refused, cut, answered here, or forwarded to moto, by rules. A repeated
client token gets the first answer again. What the layer is told is told under /fault/ on the same port, in JSON:

  POST   /fault/rules     a rule: {"action", "region"?, "match"?: {parameter: text}, "skip"?, "times"?,
                          "percent"?, "seed"?, "kind", ...}; gives its number. Action * is any. The kinds are below
  GET    /fault/rules     how often each rule was used; DELETE removes those of ?region
  GET    /fault/calls     calls by action since the start, of ?region
  GET    /fault/launches  every launch call of ?region: token, pool, count, machines made, outcome
  GET    /fault/machines  every machine of ?region that ever was
  GET    /fault/subnets   default subnet by zone of ?region
  GET    /fault/templates names of the launch templates of ?region
  POST   /fault/settings  {"region", ...} as in cloud.SETTINGS
  POST   /fault/prices    {"region", "spot"?: {"type/zone": dollars or null}, "on_demand"?: {type: dollars}}
  POST   /fault/queue     {"region", "name"}: a queue that gets the region's interruption events; gives its URL
  POST   /fault/send      {"region", "body"}: any text into the region's queues
  POST   /fault/receive   {"region", "name", "count"}: messages of a queue that somebody has for an hour; their number
  POST   /fault/plant     {"region", "type", "tags"?, "count"?, "zone"?, "spot"?}: machines of somebody else
  POST   /fault/image     {"region", "architecture"?}: an image of the account; gives its id
  POST   /fault/group     {"region"}: a security group of the default network; gives its id
  POST   /fault/protect   {"region", "id"}: termination protection
  POST   /fault/interrupt {"region", "id", "lead_s"?}: warning now, end after the lead; gives the time of the warning
  POST   /fault/recommend {"region", "id"}: rebalance recommendation
  POST   /fault/take      {"region", "id"}: spot termination now, without a warning

Kinds of rules, by when they act:
  instead  refuse {"code", "status", "message"?}; errors {"codes": [..], "made"?: n} (CreateFleet only: a 200 with
           Errors[] and n machines); partial {"made": n} (RunInstances only: fewer machines than asked for);
           lose_request (the connection closes, nothing is done)
  after    lose_reply (it is done, the connection closes); html (it is done, a 500 without a code comes back);
           hang {"seconds"} (it is done, nothing comes back for so long, then the connection closes)
"""

import argparse
import json
import os
import random
import sys
import threading
import time

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")

from urllib.parse import parse_qs  # noqa: E402

from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server  # noqa: E402

import answers  # noqa: E402
from cloud import Cloud, install  # noqa: E402

LAUNCHES = ("CreateFleet", "RunInstances")
AFTER = ("lose_reply", "html", "hang")
INSTEAD = ("refuse", "errors", "partial", "lose_request")


class Rule:
    """One fault. It lets `skip` calls through, and acts on `percent` of the rest, drawn by `seed`, `times` at most."""

    def __init__(self, number, said):
        self.number = number
        self.said = said
        self.kind = said["kind"]
        if self.kind not in AFTER + INSTEAD:
            raise ValueError(f"unknown kind {self.kind!r}")
        self.left = said.get("times")
        self.skip = said.get("skip", 0)
        self.used = 0
        self.draws = random.Random(said.get("seed", 0))

    def acts(self, region, action, parameters):
        said = self.said
        if said["action"] not in (action, "*") or said.get("region", region) != region or self.left == 0:
            return False
        for name, text in said.get("match", {}).items():
            if parameters.get(name) != text:
                return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.draws.random() * 100 >= said.get("percent", 100):
            return False
        self.used += 1
        if self.left is not None:
            self.left -= 1
        return True


class Token:
    """What is remembered of a client token. Its lock makes a repeat wait for the first call."""

    def __init__(self):
        self.lock = threading.Lock()
        self.parameters = None
        self.answer = None


class Dropped(ConnectionError):
    """The connection was closed on purpose."""


class Layer:
    def __init__(self, moto):
        self.moto = moto
        self.cloud = Cloud()
        install(self.cloud)
        self.lock = threading.Lock()
        self.rules = []
        self.numbers = 0
        self.calls = {}
        self.launches = []
        self.tokens = {}

    # ---- the way of a call ----

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith("/fault/"):
            return self.control(environ, start_response, path.removeprefix("/fault/"))
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = answers.Call(environ, body)
        if call.action is None:
            answer = self.forward(environ, body)
        else:
            answer = self.serve(environ, call)
        status, headers, data = answer
        start_response(status, headers)
        return [data]

    def serve(self, environ, call):
        with self.lock:
            key = (call.region, call.action)
            self.calls[key] = self.calls.get(key, 0) + 1
            instead = self.find(call, INSTEAD)
            after = self.find(call, AFTER)
        if instead is not None and instead.kind == "lose_request":
            self.drop(environ)
        if call.action in LAUNCHES:
            answer = self.launch(environ, call, instead)
        elif instead is not None:
            answer = call.error(instead.said)
        else:
            answer = self.own_answer(call) or self.forward_looking(environ, call)
        if after is None:
            return answer
        if after.kind == "html":
            return answers.html_500()
        if after.kind == "hang":
            time.sleep(after.said["seconds"])
        return self.drop(environ)

    def find(self, call, kinds):
        for rule in self.rules:
            if rule.kind in kinds and rule.acts(call.region, call.action, call.parameters):
                return rule
        return None

    @staticmethod
    def drop(environ):
        environ["werkzeug.socket"].shutdown(2)
        raise Dropped("closed on purpose")

    def own_answer(self, call):
        page, empty = self.cloud.setting(call.region, "page"), self.cloud.setting(call.region, "empty_token")
        if call.action == "DescribeSpotPriceHistory":
            return answers.spot_prices(self.cloud, call, page, empty)
        if call.action == "DescribeSpotInstanceRequests":
            return answers.spot_requests(self.cloud, call, page, empty)
        if call.action == "GetProducts":
            return answers.products(self.cloud, call)
        if call.action == "GetSpotPlacementScores":
            return answers.placement_scores(self.cloud, call)
        return None

    def forward(self, environ, body, looking=False):
        """moto's answer to this body."""
        return answers.run(self.moto, environ, body, looking)

    def forward_looking(self, environ, call):
        """As the outside sees it: with delays, and paged as set."""
        looking = call.action in ("DescribeInstances", "TerminateInstances")
        page = self.cloud.setting(call.region, "page")
        body = call.body
        if call.action == "DescribeInstances" and page:
            body = answers.with_parameters(call, {"MaxResults": str(page)})
        answer = self.forward(environ, body, looking)
        if call.action == "DescribeInstances" and self.cloud.setting(call.region, "empty_token"):
            answer = answers.with_empty_token(answer)
        return answer

    # ---- launches ----

    def launch(self, environ, call, instead):
        token = call.parameters.get("ClientToken", "")
        place = call.parameters.get("SubnetId") or call.parameters.get("Placement.AvailabilityZone") or ""
        with self.lock:
            # RunInstances remembers a token per zone, CreateFleet per region.
            known = self.tokens.setdefault((call.region, call.action, token, place), Token())
        with known.lock:
            if known.answer is not None:
                if known.parameters != call.parameters:
                    text = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
                    said = {"code": "IdempotentParameterMismatch", "status": 400, "message": text}
                    return self.logged(call, "mismatch", [], call.error(said))
                return self.logged(call, "repeated", [], known.answer)
            if instead is not None and instead.kind == "refuse":
                return self.logged(call, instead.said["code"], [], call.error(instead.said))
            answer, ids, outcome = self.make(environ, call, instead)
            if answer[0].startswith("200"):
                known.parameters, known.answer = call.parameters, answer
            return self.logged(call, outcome, ids, answer)

    def make(self, environ, call, instead):
        made = None if instead is None else instead.said.get("made", 0)
        codes = instead.said.get("codes", []) if instead is not None else []
        if made == 0:
            return answers.empty_fleet(call, codes), [], ",".join(codes)
        body = answers.sized(call, made)
        answer = self.forward(environ, body)
        if not answer[0].startswith("200"):
            return answer, [], answer[0]
        ids = answers.ids_in(answer)
        self.cloud.note_launch(call.region, ids, answers.spot_request_tags(self.cloud, call))
        if codes:
            answer = answers.with_errors(answer, call, codes)
        return answer, ids, "made" if made is None else "partly made"

    def logged(self, call, outcome, ids, answer):
        with self.lock:
            self.launches.append({"at": time.time(), "outcome": outcome, "ids": ids, **answers.launch_entry(call)})
        return answer

    # ---- control ----

    def control(self, environ, start_response, what):
        try:
            reply, status = self.told(environ, what), "200 OK"
        except (KeyError, ValueError, TypeError) as error:
            reply, status = {"error": f"{type(error).__name__}: {error}"}, "400 Bad Request"
        data = json.dumps(reply).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
        return [data]

    def told(self, environ, what):
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            said = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            return self.do(what, said, environ)
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        region = query.get("region")
        if method == "DELETE" and what == "rules":
            with self.lock:
                self.rules = [rule for rule in self.rules if region and rule.said.get("region") != region]
            return {}
        if method != "GET":
            raise ValueError(f"no {method} on {what}")
        cloud = self.cloud
        with self.lock:
            if what == "rules":
                return {rule.number: rule.used for rule in self.rules}
            if what == "calls":
                return {action: n for (where, action), n in self.calls.items() if region in (None, where)}
            if what == "launches":
                return [entry for entry in self.launches if region in (None, entry["region"])]
        if what == "machines":
            return cloud.view(region)
        if what == "subnets":
            return cloud.subnets(region)
        if what == "templates":
            return sorted(cloud.backend(region).launch_template_name_to_ids)
        raise ValueError(f"nothing is known of {what}")

    def do(self, what, said, environ):
        cloud = self.cloud
        if what == "rules":
            with self.lock:
                self.numbers += 1
                self.rules.append(Rule(self.numbers, said))
                return self.numbers
        region = said.pop("region")
        if what == "settings":
            return cloud.set(region, said)
        if what == "prices":
            return cloud.set_prices(region, said.get("spot", {}), said.get("on_demand", {}))
        if what == "queue":
            return f"http://{environ['HTTP_HOST']}{cloud.make_queue(region, said['name'])}"
        if what == "send":
            return cloud.send(region, said["body"])
        if what == "receive":
            return cloud.receive(region, said["name"], said["count"])
        if what == "plant":
            count, tags = said.get("count", 1), said.get("tags", {})
            return cloud.plant(region, said["type"], tags, count, said.get("zone"), said.get("spot", False))
        if what == "image":
            return cloud.image(region, said.get("architecture", "x86_64"))
        if what == "group":
            return cloud.group(region)
        if what == "protect":
            return cloud.protect(region, said["id"])
        if what == "interrupt":
            return cloud.interrupt(region, said["id"], said.get("lead_s"))
        if what == "recommend":
            return cloud.recommend(region, said["id"])
        if what == "take":
            return cloud.take(region, said["id"])
        raise ValueError(f"{what} cannot be done")


class Quiet(MotoRequestHandler):
    """No line a request, and no stack trace for a connection that was closed on purpose."""

    def log(self, type, message, *args):
        if type == "error" and not isinstance(sys.exception(), ConnectionError):
            super().log(type, message, *args)

    def log_request(self, code="-", size="-"):
        pass


def end_with_parent():
    """Ends the process when its standard input does: the one who started it is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="moto's server with faults, on the loopback")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--stay", action="store_true", help="do not end with standard input")
    options = parser.parse_args()
    layer = Layer(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", options.port, layer, threaded=True, request_handler=Quiet)
    if not options.stay:
        threading.Thread(target=end_with_parent, daemon=True).start()
    print(f"listening on {server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
