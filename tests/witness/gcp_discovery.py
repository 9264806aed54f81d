"""Holds what was said between the adapter and the peer to Google's own description of Compute Engine.

The description is the discovery document in the package google-api-python-client. Each line of the input is a JSON object of
one call: `method` (HTTP), `path`, `query` (an object), `body`, `status` and `answer`, of which the last three may be null. Of
each it is asked: is there such a method with such a path; does it take these parameters; is the body what it takes, and the
answer what it gives. Fields that are not there, other enums, 64-bit numbers that are no texts and values of another form are
mistakes. Prints one line a mistake and at last the number of calls; the exit status is 1 when there was a mistake.
"""

import importlib.util
import json
import pathlib
import re
import sys

import jsonschema_rs

# Sent by every client, whatever the method: the form of the answer, and the date of the interface.
COMMON = {"$alt", "$apiVersion"}
# Errors are not in the document. Both forms are those that Google's clients read.
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["code", "message"]}},
}


def document():
    package = importlib.util.find_spec("googleapiclient")
    folder = pathlib.Path(package.submodule_search_locations[0])
    return json.loads((folder / "discovery_cache/documents/compute.v1.json").read_text())


def schema(part, asked):
    """A part of the document as JSON Schema; what only answers have is left out of what is asked."""
    if "$ref" in part:
        return {"$ref": f"#/$defs/{part['$ref']}"}
    kind = part.get("type")
    if kind == "any":
        return {}
    if kind == "array":
        return {"type": "array", "items": schema(part["items"], asked)}
    if kind == "object":
        fields = {
            name: schema(field, asked)
            for name, field in part.get("properties", {}).items()
            if not (asked and field.get("readOnly"))
        }
        rest = schema(part["additionalProperties"], asked) if "additionalProperties" in part else False
        return {"type": "object", "properties": fields, "additionalProperties": rest}
    made = {"type": kind}
    if part.get("format") in ("int64", "uint64"):
        made["pattern"] = "^-?[0-9]+$"
    if "enum" in part:
        made["enum"] = part["enum"]
    if kind == "string" and "pattern" in part:
        # A dash between two ranges is a dash.
        made["pattern"] = "^(?:" + part["pattern"].replace("0-9-_", "0-9_-") + ")$"
    return made


def methods(part):
    yield from part.get("methods", {}).values()
    for inner in part.get("resources", {}).values():
        yield from methods(inner)


class Witness:
    def __init__(self):
        self.document = document()
        self.made = {}
        self.known = []
        for method in methods(self.document):
            path = re.escape("/" + self.document["servicePath"] + method["path"])
            self.known.append((method, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", path))))

    def validator(self, name, asked):
        if (name, asked) not in self.made:
            defs, open_names = {}, [name]
            while open_names:
                one = open_names.pop()
                if one not in defs:
                    defs[one] = schema(self.document["schemas"][one], asked)
                    open_names += re.findall(r'"#/\$defs/(\w+)"', json.dumps(defs[one]))
            whole = {"$ref": f"#/$defs/{name}", "$defs": defs}
            self.made[name, asked] = jsonschema_rs.Draft202012Validator(whole)
        return self.made[name, asked]

    def mistakes(self, call):
        fits = [m for m, path in self.known if m["httpMethod"] == call["method"] and path.fullmatch(call["path"])]
        if len(fits) != 1:
            yield f"{len(fits)} methods fit"
            return
        method = fits[0]
        parameters = method["parameters"]
        for name in call["query"]:
            if name not in COMMON and parameters.get(name, {}).get("location") != "query":
                yield f"{method['id']} takes no parameter {name}"
        if "request" in method:
            for error in self.validator(method["request"]["$ref"], True).iter_errors(call["body"]):
                yield f"{method['id']} is asked with {place(error)}: {error.message}"
        elif call["body"]:
            yield f"{method['id']} takes no body"
        if call["status"] is None:
            return
        if call["status"] == 200:
            given = self.validator(method["response"]["$ref"], False)
        else:
            given = jsonschema_rs.Draft202012Validator(ERROR)
        for error in given.iter_errors(call["answer"]):
            yield f"{method['id']} answers {place(error)}: {error.message}"


def place(error):
    return ".".join(str(part) for part in error.instance_path) or "something"


def main():
    witness, calls, bad = Witness(), 0, 0
    for line in sys.stdin:
        call = json.loads(line)
        calls += 1
        for mistake in witness.mistakes(call):
            bad += 1
            print(f"{call['method']} {call['path']}: {mistake}")
    print(f"{calls} calls, {bad} mistakes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
