"""Writes what the clients are generated from: `project.py CONTRACT FOLDER`.

`FOLDER/typescript.json` and `FOLDER/python.json` are the contract without what no client needs, or the generators do
not understand. Fails if a client does not have the version of the contract.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CLIENTS = Path(__file__).parent
FORM = "application/x-www-form-urlencoded"


def operations(contract: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in contract["paths"].values():
        for operation in path.values():
            if "operationId" in operation:
                yield operation


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Returns all objects of a part of the contract."""
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, (dict, list)):
            yield from objects(inner)
    if isinstance(node, dict):
        yield node


def without_forms(contract: dict[str, Any]) -> None:
    """Leaves JSON as the only kind of body."""
    for operation in operations(contract):
        if body := operation.get("requestBody"):
            body["content"].pop(FORM, None)
    schemas = contract["components"]["schemas"]
    for name in [name for name in schemas if name.endswith("Form")]:
        del schemas[name]


def without_links(contract: dict[str, Any]) -> None:
    """Replaces links to documents, which only the repository has, by their text."""
    for node in objects(contract):
        if isinstance(text := node.get("description"), str):
            node["description"] = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


def with_followed_redirects(contract: dict[str, Any]) -> None:
    """Declares what a client gets that follows redirects: the file."""
    file = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    for operation in operations(contract):
        if redirect := operation["responses"].pop("302", None):
            del redirect["headers"]["Location"]
            operation["responses"]["200"] = redirect | {"description": "The file.", "content": file}


def with_simple_objects(contract: dict[str, Any]) -> None:
    """Removes what types cannot express: that one of several properties is required, and patterns of keys."""
    for schema in objects(contract["components"]["schemas"]):
        if all("required" in alternative for alternative in schema.get("anyOf", [])):
            schema.pop("anyOf", None)
        if patterns := schema.pop("patternProperties", None):
            [schema["additionalProperties"]] = patterns.values()


def with_security(contract: dict[str, Any]) -> None:
    """Repeats in each operation that it needs a token: the generator for Python looks for it only there."""
    for operation in operations(contract):
        operation.setdefault("security", contract["security"])


def with_final_successes_only(contract: dict[str, Any]) -> None:
    """The client for Python raises everything else, also 202 without a body: what the request should do has not been
    finished.
    """

    def is_final(status: str, response: dict[str, Any]) -> bool:
        return status in ("200", "201", "204") or (status == "202" and "content" in response)

    for operation in operations(contract):
        responses = operation["responses"].items()
        operation["responses"] = {status: response for status, response in responses if is_final(status, response)}


def without_default_parameters(contract: dict[str, Any]) -> None:
    """The client for Python would send them: `limit`, too, where it cannot be combined with another parameter."""
    for node in objects(contract):
        if "in" in node and "schema" in node:
            node["schema"].pop("default", None)


def without_boolean_enums(contract: dict[str, Any]) -> None:
    """The generator for Python refuses them."""
    for schema in objects(contract["components"]["schemas"]):
        if True in schema.get("enum", []):
            del schema["enum"]


def check_versions(version: str) -> None:
    manifests = {
        "typescript/package.json": json.loads((CLIENTS / "typescript/package.json").read_text())["version"],
        "python/pyproject.toml": tomllib.loads((CLIENTS / "python/pyproject.toml").read_text())["project"]["version"],
    }
    for manifest, of_client in manifests.items():
        if of_client != version:
            sys.exit(f"clients/{manifest} has version {of_client}, and docs/openapi.yaml {version}")


def main(contract_file: Path, folder: Path) -> None:
    contract = YAML(typ="safe").load(contract_file)
    check_versions(contract["info"]["version"])
    without_forms(contract)
    without_links(contract)
    with_followed_redirects(contract)
    with_simple_objects(contract)
    for_python = deepcopy(contract)
    with_security(for_python)
    with_final_successes_only(for_python)
    without_default_parameters(for_python)
    without_boolean_enums(for_python)
    for name, projection in {"typescript": contract, "python": for_python}.items():
        text = json.dumps(projection, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n")


main(Path(sys.argv[1]), Path(sys.argv[2]))
