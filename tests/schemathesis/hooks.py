"""What schemathesis.toml cannot say."""

import os
import re

import schemathesis
from schemathesis.core.failures import Failure


@schemathesis.check
def refused_by_a_rule(ctx, response, case):
    """A valid request is refused as invalid only if the contract has the rule that it breaks."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    error = response.json()
    param = error["param"] or ""
    operation = case.operation
    rules = [*operation.schema.raw_schema["x-rules"], *operation.definition.raw.get("x-rules", [])]
    for rule in rules:
        named = rule.get("param")
        is_param = named is None or param == named or param.startswith(f"{named}[")
        if rule["code"] == error["code"] and is_param:
            return
    if not fits_its_pattern(case, param):
        return  # schemathesis thinks that it does
    raise Failure(
        operation=operation.label,
        title="Valid request refused without a rule",
        message=f"The contract has no rule {error['code']} for {param!r}: {error['message']}",
    )


def fits_its_pattern(case, name):
    """Whether the value of a header fits the pattern that the contract gives it."""
    for parameter in case.operation.headers:
        if parameter.name == name:
            pattern = parameter.definition["schema"]["pattern"]
            return re.search(pattern, (case.headers or {}).get(name, "")) is not None
    return True


@schemathesis.hook
def before_call(context, case, kwargs):
    """Whoever revokes the token of the requests is only told 401 from then on. An id of a delivery that is made up never
    exists."""
    label = case.operation.label
    if label == "DELETE /v1/tokens/{id}" and case.path_parameters["id"] == os.environ["OWN_TOKEN_ID"]:
        case.path_parameters["id"] = "0000000000000000"
    if label == "POST /v1/webhooks/{id}/replay" and case.meta and case.meta.generation.mode.is_positive:
        for name in ("ids", "ids[]"):
            if isinstance(case.body, dict) and len(case.body.get(name, "")) == 1:
                case.path_parameters["id"] = os.environ["WEBHOOK_ID"]
                case.body[name] = [os.environ["DELIVERY_ID"]]
