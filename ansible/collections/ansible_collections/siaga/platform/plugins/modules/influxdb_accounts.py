#!/usr/bin/python
"""Accounts of an InfluxDB 1.x on this machine; passwords are read here, and never travel."""

# mypy: ignore-errors

from __future__ import annotations

DOCUMENTATION = """
module: influxdb_accounts
short_description: Makes the accounts of an InfluxDB 1.x, and gives them their rights
description:
  - Each account's password is the line of C(FOLDER/store-NAME.password) on the machine itself, so none is an argument,
    in a log or on the way. An account whose password is another gets that of its file.
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
        description: Whose the file of its password is; not used here.
        type: str
        default: ""
  database:
    description: The database they get their rights in; without it only the accounts are made.
    type: str
  folder:
    description: Where the passwords are.
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
  siaga.platform.influxdb_accounts:
    accounts:
      - name: admin
      - name: collector
        right: WRITE
    database: siaga
"""

RETURN = """
made:
  description: What was changed, one line each.
  type: list
  elements: str
  returned: always
"""

import base64  # noqa: E402
import json  # noqa: E402
import urllib.parse  # noqa: E402
import urllib.request  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.siaga.platform.plugins.module_utils.influxdb import (  # noqa: E402
    RefusedError,
    answer,
    arguments,
    secret,
    wait,
)


def ask(url, statement, name, password):
    """Return the rows of one statement as an account; without a password as nobody."""
    data = urllib.parse.urlencode({"q": statement}).encode()
    request = urllib.request.Request(f"{url}/query", data=data)
    if password:
        given = base64.b64encode(f"{name}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {given}")
    result = json.loads(answer(request))["results"][0]
    if "error" in result:
        raise RefusedError(200, result["error"])
    return [row for series in result.get("series", []) for row in series.get("values", [])]


def make(url, accounts, passwords, database, check_mode):
    """Return what was changed, or would be."""
    admin = accounts[0]["name"]
    made = []
    try:
        known = {row[0] for row in ask(url, "SHOW USERS", admin, passwords[admin])}
    except RefusedError as error:
        if error.status != 401 and error.status != 403:
            raise
        # A server without an administrator lets anybody do this one thing; one that has another refuses it.
        made.append(f"{admin} is the administrator")
        if check_mode:
            return made
        ask(url, f"CREATE USER {admin} WITH PASSWORD '{passwords[admin]}' WITH ALL PRIVILEGES", "", "")
        known = {admin}

    def do(words, statement):
        made.append(words)
        if not check_mode:
            ask(url, statement, admin, passwords[admin])

    for account in accounts[1:]:
        name, right = account["name"], account["right"]
        password = passwords[name]
        if name not in known:
            do(f"{name} is made", f"CREATE USER {name} WITH PASSWORD '{password}'")
        else:
            try:
                ask(url, "SHOW DATABASES", name, password)
            except RefusedError as error:
                if error.status != 401:
                    raise
                do(f"{name} has the password of its file", f"SET PASSWORD FOR {name} = '{password}'")
        if database and right:
            rights = (
                []
                if name not in known and check_mode
                else ask(url, f'SHOW GRANTS FOR "{name}"', admin, passwords[admin])
            )
            if [database, right] not in [list(row[:2]) for row in rights]:
                do(f"{name} may {right} in {database}", f'GRANT {right} ON "{database}" TO "{name}"')
    return made


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec=arguments("", database={"type": "str"}), supports_check_mode=True)
    asked = module.params
    try:
        passwords = {one["name"]: secret(module, one["name"], "password") for one in asked["accounts"]}
        wait(f"{asked['url']}/ping", asked["timeout_s"])
        made = make(asked["url"], asked["accounts"], passwords, asked["database"], module.check_mode)
    except RefusedError as error:
        module.fail_json(
            msg=f"InfluxDB at {asked['url']} refuses: {error}: does it know another administrator's password?"
        )
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"InfluxDB at {asked['url']}: {error}: systemctl status influxdb")
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
