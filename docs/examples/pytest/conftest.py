"""A registry for each test: the fixture `ocifake`. It needs the binary in PATH, and nothing beyond the standard library."""

import json
import os
import subprocess
import urllib.parse
import urllib.request

import pytest


class Registry:
    def __init__(self, url):
        self.url = url
        self.host = url.split("://")[1]

    def control(self, method, path, body=None, **query):
        """Asks the control API, and returns what it answers."""
        url = f"{self.url}/_ocifake/v1/{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, method=method, data=body.encode() if body else None)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def count(self, filters):
        """How many requests there were that the filters mean, as in "op=blob.get status=200"."""
        return self.control("GET", "requests/count", filter=filters)["count"]


@pytest.fixture
def ocifake():
    read, write = os.pipe()
    process = subprocess.Popen(
        ["ocifake", "serve", "--addr", ":0", "--ready-file", f"/dev/fd/{write}", "--generate", "app:{v1..v3}"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
    )
    os.close(write)
    with open(read) as ready:
        url = ready.readline().strip()  # nothing if it has ended before
    try:
        assert url, "ocifake does not start"
        yield Registry(url)
    finally:
        process.terminate()
        assert process.wait() == 0
