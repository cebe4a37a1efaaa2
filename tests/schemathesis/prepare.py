"""Makes strangers of Kevin and Linnie in the demo data of API_URL, names the conversation in which she was, so that
others can be added to it, and prints the id of Kate's token."""

import json
import os
import urllib.request


CONVERSATION = "/v1/conversations/xgQQXg3hrtjh7AvZ"


def send(method: str, path: str, name: str, form: str = None):
    data = form and form.encode()
    request = urllib.request.Request(os.environ["API_URL"] + path, data, method=method)
    request.add_header("Authorization", f"Bearer citypay_demo_{name}")
    return urllib.request.urlopen(request).read()


send("DELETE", CONVERSATION, "linnie")
send("PUT", CONVERSATION, "kevin", "name=Family")
[token] = json.loads(send("GET", "/v1/tokens", "kate"))["data"]
print(token["id"])
