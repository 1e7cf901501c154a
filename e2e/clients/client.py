"""A client of registries with nothing but Python's standard library: it uses the proxies and the
certificates of the environment.

    client.py push URL REPOSITORY TAG FILE    pushes a file as an artifact
    client.py pull URL REPOSITORY TAG FILE    pulls its last layer into a file

The login is in REGISTRY_LOGIN, as NAME:PASSWORD. Both print the digest of the manifest.
"""

import base64
import hashlib
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = b"{}"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    def __init__(self, url, repository, login):
        self.base, self.repository, self.login = url, repository, login
        self.authorization = None

    def basic(self):
        return "Basic " + base64.b64encode(self.login.encode()).decode()

    def log_in(self, challenge, actions):
        if challenge.lower().startswith("basic"):
            self.authorization = self.basic()
            return
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = [("service", parameters.get("service", "")), ("scope", "repository:%s:%s" % (self.repository, actions))]
        separator = "&" if "?" in parameters["realm"] else "?"
        request = urllib.request.Request(parameters["realm"] + separator + urllib.parse.urlencode(query))
        if self.login:
            request.add_unredirected_header("Authorization", self.basic())
        with urllib.request.urlopen(request, timeout=30) as answer:
            given = json.load(answer)
        self.authorization = "Bearer " + (given.get("token") or given["access_token"])

    def send(self, method, target, body=None, **header):
        target = urllib.parse.urljoin(self.base, target)
        for again in (False, True):
            request = urllib.request.Request(target, data=body, method=method)
            for name, value in header.items():
                request.add_header(name.replace("_", "-"), value)
            if self.authorization:
                request.add_unredirected_header("Authorization", self.authorization)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.headers, answer.read()
            except urllib.error.HTTPError as e:
                with e:
                    if e.code != 401 or again:
                        sys.exit("%s %s: %d %s" % (method, target, e.code, e.read()[:500]))
                    self.log_in(e.headers["WWW-Authenticate"], "pull" if method in ("GET", "HEAD") else "pull,push")

    def at(self, path):
        return "/v2/%s/%s" % (self.repository, path)

    def push_blob(self, content):
        location = self.send("POST", self.at("blobs/uploads/"), b"")[0]["Location"]
        location += ("&" if "?" in location else "?") + urllib.parse.urlencode({"digest": digest_of(content)})
        self.send("PUT", location, content, Content_Type="application/octet-stream")
        return {"digest": digest_of(content), "size": len(content)}

    def push(self, tag, content):
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.file",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **self.push_blob(EMPTY)},
            "layers": [{"mediaType": "application/octet-stream", **self.push_blob(content)}],
        }
        text = json.dumps(manifest).encode()
        self.send("PUT", self.at("manifests/" + tag), text, Content_Type=MANIFEST)
        return digest_of(text)

    def pull(self, tag):
        header, text = self.send("GET", self.at("manifests/" + tag), Accept=MANIFEST + ", application/vnd.docker.distribution.manifest.v2+json")
        if header["Docker-Content-Digest"] != digest_of(text):
            sys.exit("Docker-Content-Digest is not the digest of the manifest")
        layer = json.loads(text)["layers"][-1]
        _, content = self.send("GET", self.at("blobs/" + layer["digest"]))
        if len(content) != layer["size"] or digest_of(content) != layer["digest"]:
            sys.exit("the layer is not what its digest says")
        return digest_of(text), content


def main(command, url, repository, tag, name):
    registry = Registry(url, repository, os.environ.get("REGISTRY_LOGIN", ""))
    if command == "push":
        with open(name, "rb") as file:
            print(registry.push(tag, file.read()))
        return
    digest, content = registry.pull(tag)
    with open(name, "wb") as file:
        file.write(content)
    print(digest)


main(*sys.argv[1:])
