"""Calls and answers in the formats of AWS: what the fault layer reads and writes on the wire."""

import io
import json
import re
import time
from datetime import datetime
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from cloud import outside, stamp

EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


class Call:
    """A signed call: action, region and flat parameters. `action` is None for what is not one."""

    def __init__(self, environ, body):
        self.body = body
        self.action, self.region, self.parameters = None, None, {}
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return
        self.region = scope[1]
        target = environ.get("HTTP_X_AMZ_TARGET")
        self.json = target is not None
        if self.json:
            self.action = target.split(".")[-1]
            self.parameters = json.loads(body or b"{}")
            if self.action == "GetProducts":
                # The price list of every region is served from a few; the calls count for the region asked about.
                fields = {f["Field"]: f["Value"] for f in self.parameters.get("Filters", [])}
                self.region = fields.get("regionCode", self.region)
        else:
            self.parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
            self.action = self.parameters.get("Action")

    def list(self, name):
        """The values of a numbered parameter."""
        prefix = f"{name}."
        return [value for key, value in self.parameters.items() if re.fullmatch(re.escape(prefix) + r"\d+", key) and value]

    def error(self, said):
        """The error answer of a rule."""
        code, status, text = said["code"], said["status"], said.get("message", "refused by the fault layer")
        line = f"{status} {'Server' if status >= 500 else 'Client'} Error"
        if self.json:
            data = json.dumps({"__type": code, "message": text}).encode()
            return line, [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(data)))], data
        data = (
            f'<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>{escape(code)}</Code>'
            f"<Message>{escape(text)}</Message></Error></Errors><RequestID>fault-layer</RequestID></Response>"
        ).encode()
        return line, [("Content-Type", "text/xml"), ("Content-Length", str(len(data)))], data


def xml(action, inside):
    data = f'<{action}Response xmlns="{EC2_NAMESPACE}"><requestId>fault-layer</requestId>{inside}</{action}Response>'.encode()
    return "200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(data)))], data


def html_500():
    data = b"<html><body><h1>Internal Server Error</h1></body></html>"
    return "500 Internal Server Error", [("Content-Type", "text/html"), ("Content-Length", str(len(data)))], data


def run(app, environ, body, looking):
    """The answer of a WSGI application to this body."""
    inner = dict(environ)
    inner["wsgi.input"] = io.BytesIO(body)
    inner["CONTENT_LENGTH"] = str(len(body))
    head = []
    outside.looking = looking
    try:
        parts = app(inner, lambda status, headers, error=None: head.append((status, headers)))
        data = b"".join(parts)
    finally:
        outside.looking = False
    status, headers = head[-1]
    return status, headers, data


def changed(answer, data):
    status, headers, _ = answer
    return status, [h for h in headers if h[0].lower() != "content-length"] + [("Content-Length", str(len(data)))], data


def with_parameters(call, changes):
    return urlencode({**call.parameters, **changes}).encode()


def with_empty_token(answer):
    """The last page of a listing as EC2 ends it at times: with an empty token instead of none."""
    data = answer[2]
    if b"<nextToken>" in data:
        return answer
    data = re.sub(rb"<nextToken */>", b"", data)
    return changed(answer, re.sub(rb"(</\w+Response>\s*)$", rb"<nextToken></nextToken>\1", data))


# ---- launches ----


def sized(call, made):
    """The body with which moto makes what EC2 would: RunInstances' MaxCount (moto takes MinCount), or `made`."""
    if call.action == "RunInstances":
        count = call.parameters["MaxCount"] if made is None else str(made)
        return with_parameters(call, {"MinCount": count, "MaxCount": count})
    if made is None:
        return call.body
    return with_parameters(call, {"TargetCapacitySpecification.TotalTargetCapacity": str(made)})


def ids_in(answer):
    return sorted(set(re.findall(r"\bi-[0-9a-f]{17}\b", answer[2].decode())))


OVERRIDE = "LaunchTemplateConfigs.1.Overrides.1."
FLEET = {
    "type": OVERRIDE + "InstanceType",
    "zone": OVERRIDE + "AvailabilityZone",
    "subnet": OVERRIDE + "SubnetId",
    "market": "TargetCapacitySpecification.DefaultTargetCapacityType",
    "count": "TargetCapacitySpecification.TotalTargetCapacity",
}


def launch_entry(call):
    """What a launch call asked for, whichever call it was."""
    asked = call.parameters
    entry = {"region": call.region, "action": call.action, "token": asked.get("ClientToken")}
    if call.action == "CreateFleet":
        entry.update({name: asked.get(key) for name, key in FLEET.items()})
        entry["strategy"] = asked.get("SpotOptions.AllocationStrategy")
    else:
        entry.update(
            type=asked.get("InstanceType"),
            zone=asked.get("Placement.AvailabilityZone"),
            subnet=asked.get("SubnetId"),
            market=asked.get("InstanceMarketOptions.MarketType", "on-demand"),
            count=asked.get("MaxCount"),
        )
    entry["count"] = int(entry["count"])
    entry["max_price"] = next((value for key, value in asked.items() if key.endswith("MaxPrice")), None)
    return entry


def error_set(call, codes):
    entry = launch_entry(call)
    items = "".join(
        f"<item><errorCode>{escape(code)}</errorCode><errorMessage>refused by the fault layer</errorMessage>"
        f"<lifecycle>{entry['market']}</lifecycle><launchTemplateAndOverrides><overrides>"
        f"<instanceType>{entry['type']}</instanceType><availabilityZone>{entry['zone']}</availabilityZone>"
        "</overrides></launchTemplateAndOverrides></item>"
        for code in codes
    )
    return f"<errorSet>{items}</errorSet>"


def empty_fleet(call, codes):
    """A fleet request that made nothing: a 200 all the same."""
    return xml("CreateFleet", f"<fleetId>fleet-0</fleetId>{error_set(call, codes)}<fleetInstanceSet/>")


def with_errors(answer, call, codes):
    data = re.sub(rb"<errorSet */>|<errorSet></errorSet>", b"", answer[2])
    return changed(answer, data.replace(b"</CreateFleetResponse>", error_set(call, codes).encode() + b"</CreateFleetResponse>"))


def spot_request_tags(cloud, call):
    """The tags of the spot requests of a launch: named in RunInstances, or in the template of a fleet."""
    if call.action == "CreateFleet":
        name = next((v for k, v in call.parameters.items() if k.endswith("LaunchTemplateName")), None)
        data = cloud.backend(call.region).get_launch_template_by_name(name).default_version().data
        specifications = data.get("TagSpecifications", [])
    else:
        specifications = tag_specifications(call)
    for specification in specifications:
        if specification["ResourceType"] == "spot-instances-request":
            return {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
    return {}


def tag_specifications(call):
    found = {}
    for key, value in call.parameters.items():
        part = re.fullmatch(r"TagSpecification\.(\d+)\.(ResourceType|Tag\.(\d+)\.(Key|Value))", key)
        if part is None:
            continue
        entry = found.setdefault(part[1], {"ResourceType": None, "tags": {}})
        if part[3]:
            entry["tags"].setdefault(part[3], {})[part[4]] = value
        else:
            entry["ResourceType"] = value
    return [{"ResourceType": e["ResourceType"], "Tags": list(e["tags"].values())} for e in found.values()]


# ---- listings that moto has not, or not well ----


def paged(call, rows, page, empty_token):
    """One page of rows, and the element with the next token."""
    asked = int(call.parameters.get("MaxResults", 0) or 0)
    size = page or asked or len(rows) or 1
    start = int(call.parameters.get("NextToken", 0) or 0)
    more = start + size < len(rows)
    token = f"<nextToken>{start + size}</nextToken>" if more else "<nextToken></nextToken>" if empty_token else ""
    return rows[start : start + size], token


def moment(text):
    """Seconds since the epoch of a time of a call; now where it names none."""
    return datetime.fromisoformat(f"{text[:19]}+00:00").timestamp() if text else time.time()


def spot_prices(cloud, call, page, empty_token):
    products = call.list("ProductDescription") or ["Linux/UNIX"]
    subnets = cloud.subnets(call.region)
    zones = filters_of(call).get("availability-zone", list(subnets))
    rows = []
    for kind in call.list("InstanceType"):
        for zone in (zone for zone in subnets if zone in zones):
            price = cloud.spot_price(call.region, kind, zone)
            if price is not None:
                # Prices move slowly: this one is an hour old. Before, it was a tenth lower.
                changed, start = time.time() - 3600, moment(call.parameters.get("StartTime"))
                past = [(price, changed)] + ([(price * 0.9, start - 60)] if start < changed else [])
                rows += [(kind, zone, product, paid, stamp(at)) for paid, at in past for product in products]
    rows, token = paged(call, rows, page, empty_token)
    items = "".join(
        f"<item><instanceType>{kind}</instanceType><productDescription>{product}</productDescription>"
        f"<spotPrice>{price:.10f}</spotPrice><timestamp>{at}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        for kind, zone, product, price, at in rows
    )
    return xml("DescribeSpotPriceHistory", f"<spotPriceHistorySet>{items}</spotPriceHistorySet>{token}")


def placement_scores(cloud, call):
    """The first zone has the best score, each next one less; with fewer than three types all are low, as EC2 says."""
    few = len(call.list("InstanceType")) < 3
    items = "".join(
        f"<item><region>{escape(region)}</region><availabilityZoneId>{zone.zone_id}</availabilityZoneId>"
        f"<score>{1 if few else 9 - place}</score></item>"
        for region in call.list("RegionName")
        for place, zone in enumerate(RegionsAndZonesBackend.zones.get(region, []))
    )
    return xml("GetSpotPlacementScores", f"<spotPlacementScoreSet>{items}</spotPlacementScoreSet>")


def spot_requests(cloud, call, page, empty_token):
    filters = filters_of(call)
    rows = [
        (instance_id, status, since)
        for instance_id, tags, status, since in cloud.spot_requests(call.region)
        if all(tags.get(name.removeprefix("tag:")) in values for name, values in filters.items())
    ]
    rows, token = paged(call, rows, page, empty_token)
    items = "".join(
        f"<item><spotInstanceRequestId>sir-{instance_id[-8:]}</spotInstanceRequestId>"
        f"<state>{'active' if status == 'fulfilled' else 'closed'}</state><status><code>{status}</code>"
        f"<updateTime>{stamp(since)}</updateTime></status><instanceId>{instance_id}</instanceId></item>"
        for instance_id, status, since in rows
    )
    return xml("DescribeSpotInstanceRequests", f"<spotInstanceRequestSet>{items}</spotInstanceRequestSet>{token}")


def filters_of(call):
    """Filters by name. Only tags and zones are known here; another one is an error and not an empty listing."""
    found = {}
    for key, value in call.parameters.items():
        part = re.fullmatch(r"Filter\.(\d+)\.(Name|Value\.\d+)", key)
        if part is not None:
            entry = found.setdefault(part[1], {"Name": None, "values": []})
            if part[2] == "Name":
                entry["Name"] = value
            else:
                entry["values"].append(value)
    filters = {entry["Name"]: entry["values"] for entry in found.values()}
    if any(not name.startswith("tag:") and name != "availability-zone" for name in filters):
        raise ValueError(f"filters {sorted(filters)} are not known to the fault layer")
    return filters


def products(cloud, call):
    """The price list, with the few fields that are read."""
    fields = {f["Field"]: f["Value"] for f in call.parameters.get("Filters", [])}
    price = cloud.on_demand_price(call.region, fields["instanceType"])
    listed = []
    if price is not None:
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
        listed.append(
            json.dumps(
                {
                    "product": {"productFamily": fields["productFamily"], "attributes": {"instanceType": fields["instanceType"]}},
                    "terms": {"OnDemand": {"SKU.TERM": {"priceDimensions": {"SKU.TERM.RATE": dimension}}}},
                }
            )
        )
    data = json.dumps({"FormatVersion": "aws_v1", "PriceList": listed}).encode()
    return "200 OK", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(data)))], data
