#!/usr/bin/python
"""Tokens of an InfluxDB 2.x on this machine; they are made and kept here, and never travel."""

# mypy: ignore-errors

from __future__ import annotations

DOCUMENTATION = """
module: influxdb2_accounts
short_description: Sets up an InfluxDB 2.x, and gives each process a token that may do just what it does
description:
  - The administrator's password and token are lines of C(FOLDER/store-admin.password) and C(store-admin.token), which
    are there before. The tokens of the others are InfluxDB's own; each is written to C(FOLDER/store-NAME.token) unless
    the one there is known to the server.
options:
  accounts:
    description: The accounts; the first is the administrator.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      right:
        description: What it may do in the database.
        type: str
        choices: ["", READ, WRITE]
        default: ""
      owner:
        description: Whose the file of its token is.
        type: str
        default: root
  org:
    description: The organisation.
    type: str
    required: true
  database:
    description: The bucket of readings; those of a minute and of an hour are C(/minute) and C(/hour) of it.
    type: str
    default: siaga
  tokens:
    description: Whether the processes get their tokens; before that the buckets have to be there.
    type: bool
    default: false
  folder:
    description: Where passwords and tokens are.
    type: path
    default: /etc/siaga/credentials
  url:
    description: Where it listens.
    type: str
    default: http://127.0.0.1:8086
  timeout_s:
    description: How many seconds it may take until it answers for the first time.
    type: int
    default: 60
author: Siaga
"""

EXAMPLES = """
- name: The collector may write
  siaga.platform.influxdb2_accounts:
    org: siaga
    tokens: true
    accounts:
      - name: admin
      - name: collector
        right: WRITE
        owner: siaga-collector
"""

RETURN = """
made:
  description: What was changed, one line each.
  type: list
  elements: str
  returned: always
"""

import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import urllib.parse  # noqa: E402
import urllib.request  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.siaga.platform.plugins.module_utils.influxdb import (  # noqa: E402
    RefusedError,
    answer,
    arguments,
    secret,
    wait,
)


class Server:
    """An InfluxDB 2.x."""

    def __init__(self, url):
        self._url = url

    def ask(self, method, path, body=None, token=None):
        """Return what it answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data=data, method=method)
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Token {token}")
        return json.loads(answer(request) or b"{}")

    def knows(self, token):
        """Return whether a token is somebody's."""
        try:
            self.ask("GET", "/api/v2/buckets?limit=1", token=token)
        except RefusedError as error:
            if error.status != 401:
                raise
            return False
        return True


def set_up(server, asked, admin, check_mode):
    """Make organisation, administrator and first bucket when the server is new; return what was changed."""
    if not server.ask("GET", "/api/v2/setup").get("allowed"):
        return []
    if not check_mode:
        first = {"username": admin["name"], "org": asked["org"], "bucket": asked["database"]}
        server.ask("POST", "/api/v2/setup", {**first, "password": admin["password"], "token": admin["token"]})
    return [f"{admin['name']} is the administrator"]


def give(server, asked, admin, account, check_mode):
    """Give one account its token when it has none that counts; return what was changed."""
    file = Path(asked["folder"], f"store-{account['name']}.token")
    if file.exists() and server.knows(file.read_text(encoding="ascii").strip()):
        return []
    made = [f"{account['name']} may {account['right']} in {asked['database']}"]
    if check_mode:
        return made
    org = server.ask("GET", f"/api/v2/orgs?{urllib.parse.urlencode({'org': asked['org']})}", token=admin["token"])
    org_id = org["orgs"][0]["id"]
    known = server.ask("GET", f"/api/v2/buckets?orgID={org_id}&limit=100", token=admin["token"])["buckets"]
    ours = {one["name"]: one["id"] for one in known if one["name"].split("/")[0] == asked["database"]}
    reads = list(ours.values()) if account["right"] == "READ" or account["name"] == "collector" else []
    writes = [ours[asked["database"]]] if account["right"] == "WRITE" else []
    permissions = [
        {"action": action, "resource": {"type": "buckets", "id": bucket, "orgID": org_id}}
        for action, buckets in (("read", reads), ("write", writes))
        for bucket in buckets
    ]
    words = f"siaga: {account['name']}"
    for old in server.ask("GET", f"/api/v2/authorizations?orgID={org_id}", token=admin["token"])["authorizations"]:
        if old.get("description") == words:
            server.ask("DELETE", f"/api/v2/authorizations/{old['id']}", token=admin["token"])
    body = {"orgID": org_id, "description": words, "permissions": permissions}
    token = server.ask("POST", "/api/v2/authorizations", body, token=admin["token"])["token"]
    part = file.with_name(f".new-{file.name}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as to:
        to.write(f"{token}\n")
    if os.geteuid() == 0:
        shutil.chown(part, account["owner"])
    part.replace(file)
    return made


def main():
    """Run the module."""
    more = {
        "org": {"type": "str", "required": True},
        "database": {"type": "str", "default": "siaga"},
        "tokens": {"type": "bool", "default": False, "no_log": False},
    }
    module = AnsibleModule(argument_spec=arguments("root", **more), supports_check_mode=True)
    asked = module.params
    server = Server(asked["url"])
    try:
        name = asked["accounts"][0]["name"]
        admin = {"name": name, **{kind: secret(module, name, kind) for kind in ("password", "token")}}
        wait(f"{asked['url']}/health", asked["timeout_s"])
        made = set_up(server, asked, admin, module.check_mode)
        if asked["tokens"]:
            for one in asked["accounts"][1:]:
                made += give(server, asked, admin, one, module.check_mode)
    except RefusedError as error:
        why = "does it know another administrator's token?"
        module.fail_json(msg=f"InfluxDB at {asked['url']} refuses ({error.status}): {error}: {why}")
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"InfluxDB at {asked['url']}: {error}: systemctl status influxdb")
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
