"""What the fault layer knows and does inside moto: machines, prices, notices.

moto keeps machines and answers most calls well. What it does not have is added here: delays before a machine is
listed or runs, spot prices worth reading, spot requests with a status, interruptions with their event, machines that
are not ours, and an end to the listing of terminated machines (moto lists them for ever, and slowly).
"""

import json
import threading
import time
import uuid
import zlib
from datetime import datetime, timezone

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2 import ec2_backends
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import InstanceState, StateReason
from moto.sqs import sqs_backends

# What can be set per region, with its default. Seconds, except `page` (results a page; 0: as asked for).
SETTINGS = {
    "hide_s": 0.0,
    "pending_s": 0.0,
    "forget_s": 3600.0,
    "lead_s": 120.0,
    "page": 0,
    "empty_token": False,
}

# Set while a call from outside is forwarded that must not see what is hidden. moto's own look-ups see everything.
outside = threading.local()


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Cloud:
    """State beside moto's, per region. One lock, never held while moto works."""

    def __init__(self):
        self.lock = threading.Lock()
        self.settings = {}
        self.prices = {}
        self.queues = {}
        self.request_tags = {}
        self.request_status = {}
        self.ended_at = {}

    def setting(self, region, name):
        return self.settings.get(region, {}).get(name, SETTINGS[name])

    def set(self, region, changes):
        unknown = set(changes) - set(SETTINGS)
        if unknown:
            raise ValueError(f"unknown settings: {sorted(unknown)}")
        with self.lock:
            self.settings.setdefault(region, {}).update(changes)

    # ---- machines ----

    @staticmethod
    def backend(region):
        return ec2_backends[ACCOUNT][region]

    def every_machine(self, region):
        for reservation in list(self.backend(region).reservations.values()):
            yield from list(reservation.instances)

    def machine(self, region, instance_id):
        for instance in self.every_machine(region):
            if instance.id == instance_id:
                return instance
        raise ValueError(f"no machine {instance_id} in {region}")

    def view(self, region):
        """Every machine that ever was, as it is: the truth that tests compare with."""
        return [
            {
                "id": i.id,
                "state": i.state,
                "reason": i.state_reason.code,
                "type": i.instance_type,
                "zone": i.placement.zone,
                "market": "spot" if i.lifecycle == "spot" else "on-demand",
                "launched": i.launch_time.replace(tzinfo=timezone.utc).timestamp(),
                "tags": {tag["key"]: tag["value"] for tag in i.get_tags()},
                "image": i.image_id,
                "user_data": str(i.user_data) if i.user_data else None,
            }
            for i in self.every_machine(region)
        ]

    def plant(self, region, kind, tags, count, zone=None, spot=False):
        """Machines that somebody else launched."""
        backend = self.backend(region)
        options = {
            "instance_type": kind,
            "is_instance_type_default": False,
            "region_name": region,
            "tags": {"instance": tags},
        }
        if zone:
            options["subnet_id"] = self.subnets(region)[zone]
        if spot:
            options["lifecycle"] = "spot"
        reservation = backend.run_instances("ami-planted", count, None, [], **options)
        return [instance.id for instance in reservation.instances]

    def image(self, region, architecture):
        """An image that can be used."""
        image = self.backend(region).register_image(f"image-{uuid.uuid4()}")
        image.architecture = architecture
        return image.id

    def group(self, region):
        """A security group of the default network."""
        backend = self.backend(region)
        network = backend.get_default_vpc().id
        return backend.create_security_group(f"group-{uuid.uuid4()}", "for a test", vpc_id=network).id

    def subnets(self, region):
        found = self.backend(region).get_default_subnets().items()
        return {zone: subnet.id for zone, subnet in sorted(found)}

    def age(self, region, instance, now):
        """Applies the delays; true when a listing from outside shows the machine."""
        age = now - instance.launch_time.replace(tzinfo=timezone.utc).timestamp()
        pending_s = self.setting(region, "pending_s")
        if instance.state == "running" and age < pending_s:
            instance._state = InstanceState("pending", 0)
        elif instance.state == "pending" and age >= pending_s:
            instance._state = InstanceState("running", 16)
        if instance.state == "terminated":
            ended = self.ended_at.setdefault((region, instance.id), now)
            return now - ended < self.setting(region, "forget_s")
        return age >= self.setting(region, "hide_s")

    def protect(self, region, instance_id):
        self.machine(region, instance_id).disable_api_termination = True

    # ---- interruptions ----

    def make_queue(self, region, name):
        sqs_backends[ACCOUNT][region].create_queue(name)
        with self.lock:
            names = self.queues.setdefault(region, [])
            if name not in names:
                names.append(name)
        return f"/{ACCOUNT}/{name}"

    def send(self, region, body):
        for name in self.queues.get(region, []):
            sqs_backends[ACCOUNT][region].send_message(name, body)

    def receive(self, region, name, count):
        """Messages that somebody has and does not delete; gives their number."""
        return len(sqs_backends[ACCOUNT][region].receive_message(name, count, 0, 3600))

    def event(self, region, kind, detail, now):
        instance_id = detail["instance-id"]
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": kind,
                "source": "aws.ec2",
                "account": ACCOUNT,
                "time": stamp(now),
                "region": region,
                "resources": [f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{instance_id}"],
                "detail": detail,
            }
        )

    def recommend(self, region, instance_id):
        """A rebalance recommendation."""
        kind = "EC2 Instance Rebalance Recommendation"
        self.send(region, self.event(region, kind, {"instance-id": instance_id}, time.time()))

    def interrupt(self, region, instance_id, lead_s=None):
        """Warns, and takes the machine when the lead is over. Gives the time of the warning in milliseconds."""
        self.machine(region, instance_id)
        now = time.time()
        with self.lock:
            self.request_status[(region, instance_id)] = ("instance-terminated-no-capacity", now)
        kind = "EC2 Spot Instance Interruption Warning"
        self.send(region, self.event(region, kind, {"instance-id": instance_id, "instance-action": "terminate"}, now))
        lead_s = self.setting(region, "lead_s") if lead_s is None else lead_s
        timer = threading.Timer(lead_s, self.take, (region, instance_id))
        timer.daemon = True
        timer.start()
        return int(now * 1000)

    def take(self, region, instance_id):
        """EC2 takes the machine now."""
        instance = self.machine(region, instance_id)
        if instance.state != "terminated":
            instance.terminate()
            code = "Server.SpotInstanceTermination"
            instance.state_reason = StateReason(f"{code}: Spot instance termination", code)

    def note_launch(self, region, ids, tags):
        """Remembers the tags of the spot requests behind these machines."""
        with self.lock:
            for instance_id in ids:
                self.request_tags[(region, instance_id)] = tags

    def spot_requests(self, region):
        """Each spot machine's request: id, tags, status, since when."""
        for instance in self.every_machine(region):
            if instance.lifecycle != "spot":
                continue
            key = (region, instance.id)
            launched = instance.launch_time.replace(tzinfo=timezone.utc).timestamp()
            status, since = self.request_status.get(key, ("fulfilled", launched))
            if status == "fulfilled" and instance.state == "terminated":
                status, since = "instance-terminated-by-user", self.ended_at.get(key, launched)
            yield instance.id, self.request_tags.get(key, {}), status, since

    # ---- prices ----

    def set_prices(self, region, spot, on_demand):
        with self.lock:
            table = self.prices.setdefault(region, {"spot": {}, "on_demand": {}})
            table["spot"].update(spot)
            table["on_demand"].update(on_demand)

    def on_demand_price(self, region, kind):
        """Dollars an hour: as set, or made up from the size, so that larger types cost more. None: no such type."""
        known = INSTANCE_TYPES.get(kind)
        if known is None:
            return None
        made_up = 0.0425 * known["VCpuInfo"]["DefaultVCpus"] + 0.002 * known["MemoryInfo"]["SizeInMiB"] / 1024
        made_up += 0.6 * sum(gpu["Count"] for gpu in known.get("GpuInfo", {}).get("Gpus", []))
        return self.prices.get(region, {}).get("on_demand", {}).get(kind, round(made_up, 4))

    def spot_price(self, region, kind, zone):
        """As set, or 25 to 45 % of the on-demand price, by type and zone. Set to null: not on offer in that zone."""
        table = self.prices.get(region, {}).get("spot", {})
        if f"{kind}/{zone}" in table:
            return table[f"{kind}/{zone}"]
        base = self.on_demand_price(region, kind)
        share = 25 + zlib.crc32(f"{kind}/{zone}".encode()) % 21
        return None if base is None else round(base * share / 100, 5)


def install(cloud):
    """Puts the delays and the forgetting into moto's listings."""
    original = EC2Backend.all_reservations

    def all_reservations(self, filters=None):
        reservations = original(self, filters)
        if not getattr(outside, "looking", False):
            return reservations
        now = time.time()
        shown = []
        for reservation in reservations:
            reservation.instances = [i for i in reservation.instances if cloud.age(self.region_name, i, now)]
            if reservation.instances:
                shown.append(reservation)
        return shown

    EC2Backend.all_reservations = all_reservations
