"""Makes strangers of Kevin and Linnie in the demo data of API_URL, and names the conversation in which she was, so that
others can be added to it. Prints the id of Kate's token, of a webhook of Kevin, to which nobody listens, and of a
delivery to it."""

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
webhook = json.loads(send("POST", "/v1/webhooks", "kevin", "url=http://127.0.0.1:9/"))
delivery = json.loads(send("POST", f"/v1/webhooks/{webhook['id']}/test", "kevin"))
print(token["id"], webhook["id"], delivery["id"])
