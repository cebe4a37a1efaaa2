"""What a deployment of template.yaml over the last release would break. See docs/deploy.md, "Releases"."""

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

# What has data or an address of its own, and must keep its logical id; of these, the properties that replace it.
REPLACED_BY = {
    "AWS::DynamoDB::Table": ["TableName", "KeySchema", "LocalSecondaryIndexes"],
    "AWS::S3::Bucket": ["BucketName"],
    "AWS::KMS::Key": [],
    "AWS::Serverless::HttpApi": [],
}


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    tag, problems = check(Path("."))
    if tag is None:
        print("there is no earlier release yet: no tag v*")
    else:
        problems += stored_data(tag)
    for problem in problems:
        print(f"since {tag}: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    if tag:
        print(f"can be deployed over {tag}")


def check(repository):
    """The last release, if there is one, and what a deployment over it would break."""

    def git(*arguments):
        command = ["git", "-C", str(repository), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    if git("rev-parse", "--is-shallow-repository") == "true":
        sys.exit("this clone has no history, and so not the tag of the last release: git fetch --unshallow --tags")
    current = git("tag", "--points-at", "HEAD").split()
    tags = git("tag", "--merged", "HEAD", "--list", "v[0-9]*", "--sort=-version:refname").split()
    earlier = [tag for tag in tags if tag not in current]
    if not earlier:
        return None, []
    old = yaml_parse(git("show", f"{earlier[0]}:template.yaml"))
    new = yaml_parse((repository / "template.yaml").read_text())
    return earlier[0], problems(old["Resources"], new["Resources"])


def stored_data(tag):
    """The data that the tests read as that of the last release must be of that release."""
    file = Path("tests/api/local/last_release.json")
    version = json.loads(file.read_text())["version"]
    if f"v{version}" != tag:
        yield f"{file} is of v{version}: write it anew, see docs/deploy.md"


def problems(old, new):
    found = []
    for name, resource in old.items():
        if resource["Type"] == "AWS::Serverless::Function" and name in new:
            found += lost_rights(name, resource, new[name])
        if resource["Type"] == "AWS::S3::BucketPolicy":
            found += new_denials(name, resource, new.get(name))
        if resource["Type"] in REPLACED_BY:
            found += replacements(name, resource, new.get(name))
    return found


def lost_rights(name, old, new):
    """While a deployment runs, the old version of a function has the policies of the new one already."""
    old_rights, new_rights = rights(old), rights(new)
    still_granted = old["Metadata"].get("StillGranted", [])
    for action, resource, limit in sorted(old_rights):
        right = f"{action} on {resource}" + (f" ({limit})" if limit else "")
        is_kept = {(action, resource, limit), (action, resource, "")} & new_rights
        if not is_kept and right not in still_granted:
            yield (
                f"{name} loses {right}, which the version that serves may use. "
                "Keep it for one release, and list it in StillGranted of the function's Metadata"
            )


def rights(function):
    """What the policies of a function grant: action, resource, and an attribute or other condition, if it is limited."""
    granted = set()
    for policy in function["Properties"].get("Policies", []):
        for statement in policy["Statement"]:
            # What a parameter adds: granted if it is set.
            statement = statement["Fn::If"][1] if "Fn::If" in statement else statement
            for action in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    for limit in limits(statement.get("Condition")):
                        granted.add((action, resource_name(resource), limit))
    return granted


def limits(condition):
    if condition is None:
        return [""]
    returned = condition.get("StringEqualsIfExists", {}).get("dynamodb:ReturnValues", "anything")
    values = [f"returns {value}" for value in as_list(returned)]
    limited = condition.get("ForAllValues:StringLike", {})
    if "dynamodb:Attributes" in limited:
        return as_list(limited["dynamodb:Attributes"]) + values
    if "dynamodb:LeadingKeys" in limited:
        return [f"key {pattern}" for pattern in as_list(limited["dynamodb:LeadingKeys"])] + values
    return [json.dumps(condition, sort_keys=True)]


def new_denials(name, old, new):
    """A policy of a bucket may refuse what the version that serves does."""
    denials = lambda it: [
        json.dumps(statement, sort_keys=True)
        for statement in (it or {}).get("Properties", {}).get("PolicyDocument", {}).get("Statement", [])
        if statement.get("Effect") == "Deny"
    ]
    for statement in denials(new):
        if statement not in denials(old):
            yield f"{name} denies something new, which the version that serves may do: {statement}"


def resource_name(resource):
    """`Table`, `Table/index/name`, or `Bucket/*`."""
    if "Fn::GetAtt" in resource:
        return as_list(resource["Fn::GetAtt"])[0].removesuffix(".Arn")
    return resource["Fn::Sub"].replace("${", "").replace(".Arn}", "")


def replacements(name, old, new):
    """What CloudFormation would create anew, and empty."""
    if new is None or new["Type"] != old["Type"]:
        yield f"{name} is gone: its data stays, but functions no longer find it"
        return
    kind, old, new = old["Type"], old.get("Properties", {}), new.get("Properties", {})
    for key in REPLACED_BY[kind]:
        if old.get(key) != new.get(key):
            yield f"{name} has another {key}: CloudFormation would create an empty one in its place"
    if kind == "AWS::DynamoDB::Table":
        yield from changed_key_types(name, old, new)
        yield from changed_indexes(name, old, new)


def changed_key_types(name, old, new):
    types = {it["AttributeName"]: it["AttributeType"] for it in new["AttributeDefinitions"]}
    for attribute in old["AttributeDefinitions"]:
        key, kind = attribute["AttributeName"], attribute["AttributeType"]
        if types.get(key, kind) != kind:
            yield f"{name} has another type of {key}: CloudFormation would create an empty table in its place"


def changed_indexes(name, old, new):
    old, new = (
        {it["IndexName"]: it for it in table.get("GlobalSecondaryIndexes", [])} for table in (old, new)
    )
    for index in old.keys() & new.keys():
        if any(old[index][key] != new[index][key] for key in ("KeySchema", "Projection")):
            yield f"{name} has another index {index}: CloudFormation cannot change one, so add it under a new name"
    if len(old.keys() ^ new.keys()) > 1:
        yield f"{name} has more than one index added or removed: DynamoDB changes one at a time"


def as_list(value):
    return value if isinstance(value, list) else [value]


def self_test():
    """Plants breaks in a repository with one release."""
    released = yaml_parse(Path("template.yaml").read_text())

    def statement(it, name, action):
        statements = it["Resources"][name]["Properties"]["Policies"][0]["Statement"]
        return next(statement for statement in statements if statement.get("Action") == f"dynamodb:{action}")

    table = lambda it, name: it["Resources"][name]["Properties"]

    def without_right(it):
        statement(it, "GetMe", "BatchGetItem")["Action"] = "dynamodb:GetItem"

    def without_resource(it):
        statement(it, "ListContacts", "BatchGetItem")["Resource"].pop()

    def without_attribute(it):
        condition = statement(it, "GetMe", "UpdateItem")["Condition"]
        condition["ForAllValues:StringLike"]["dynamodb:Attributes"].remove("spent")

    def returning_nothing(it):
        condition = statement(it, "GetMe", "UpdateItem")["Condition"]
        condition["StringEqualsIfExists"]["dynamodb:ReturnValues"] = ["NONE"]

    def with_denial(it):
        denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
        table(it, "FilesPolicy")["PolicyDocument"]["Statement"].append(denial)

    def with_condition(it):
        statement(it, "ListTokens", "BatchGetItem")["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}

    def without_condition(it):
        del statement(it, "GetMe", "UpdateItem")["Condition"]

    def marked(it):
        it["Resources"]["GetMe"]["Metadata"]["StillGranted"] = [
            f"dynamodb:BatchGetItem on {table}" for table in ("TokensTable", "ContactsTable")
        ]

    def other_key(it):
        table(it, "InboxTable")["KeySchema"][1]["AttributeName"] = "created_at"

    def other_type(it):
        table(it, "MessagesTable")["AttributeDefinitions"][1]["AttributeType"] = "S"

    def other_local_index(it):
        table(it, "MembershipsTable")["LocalSecondaryIndexes"].append({"IndexName": "by_name"})

    def renamed_table(it):
        it["Resources"]["PostsTable"] = it["Resources"].pop("MessagesTable")

    def named_table(it):
        table(it, "ReadsTable")["TableName"] = "reads"

    def two_indexes(it):
        indexes = table(it, "MessagesTable")["GlobalSecondaryIndexes"]
        indexes += [{**indexes[0], "IndexName": name} for name in ("by_author", "by_size")]

    def other_projection(it):
        table(it, "MessagesTable")["GlobalSecondaryIndexes"][0]["Projection"] = {"ProjectionType": "ALL"}

    def removed_function(it):
        del it["Resources"]["GetMe"]

    nothing = lambda it: None
    cases = [  # in the release; since then; what is reported
        (nothing, nothing, None),
        (nothing, without_right, "GetMe loses dynamodb:BatchGetItem on TokensTable"),
        (marked, without_right, None),
        (nothing, without_resource, "ListContacts loses dynamodb:BatchGetItem on AcquaintancesTable"),
        (nothing, without_attribute, "GetMe loses dynamodb:UpdateItem on ContactsTable (spent)"),
        (nothing, returning_nothing, "GetMe loses dynamodb:UpdateItem on ContactsTable (returns UPDATED_NEW)"),
        (nothing, with_denial, "FilesPolicy denies something new"),
        (nothing, with_condition, "ListTokens loses dynamodb:BatchGetItem on TokensTable"),
        (nothing, without_condition, None),
        (nothing, removed_function, None),
        (nothing, other_key, "InboxTable has another KeySchema"),
        (nothing, other_type, "MessagesTable has another type of created_at"),
        (nothing, other_local_index, "MembershipsTable has another LocalSecondaryIndexes"),
        (nothing, renamed_table, "MessagesTable is gone"),
        (nothing, named_table, "ReadsTable has another TableName"),
        (nothing, two_indexes, "MessagesTable has more than one index"),
        (nothing, other_projection, "MessagesTable has another index by_time"),
    ]
    for in_release, since, expected in cases:
        old, new = copy.deepcopy(released), copy.deepcopy(released)
        in_release(old)
        since(new)
        with tempfile.TemporaryDirectory() as folder:
            tag, found = check(repository(Path(folder), old, new))
        assert tag == "v0.10.0", tag
        if expected is None:
            assert not found, (since.__name__, found)
        else:
            assert any(it.startswith(expected) for it in found), (since.__name__, found)
    with tempfile.TemporaryDirectory() as folder:
        assert check(repository(Path(folder), released, released, tags=[])) == (None, [])
    print(f"self-test: {len(cases)} upgrades")


def repository(folder, old, new, tags=("v0.9.0", "v0.10.0")):
    """Creates a repository with a release, and a later one that is tagged, too, as when it is deployed."""

    def git(*arguments):
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        command = ["git", "-C", str(folder), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    git("init", "--quiet")
    for number, template in enumerate((old, new)):
        (folder / "template.yaml").write_text(json.dumps(template))
        git("add", ".")
        git("commit", "--quiet", "--allow-empty", "--message", "release")
        for tag in tags if number == 0 else ["v0.11.0"]:
            git("tag", tag)
    return folder


main()
