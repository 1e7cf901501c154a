import urllib.error
import urllib.request


def pull(url, repository, tag, attempts=3):
    """The client under test."""
    for _ in range(attempts):
        try:
            with urllib.request.urlopen(f"{url}/v2/{repository}/manifests/{tag}") as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
    return None


def test_client_tries_again(ocifake):
    ocifake.control("POST", "faults", "{where: op=manifest.get, times: 2, do: [{status: 503}]}")
    assert pull(ocifake.url, "app", "v1")
    assert ocifake.count("op=manifest.get status=503") == 2


def test_client_gives_up(ocifake):
    ocifake.control("POST", "faults", "{where: op=manifest.get, do: [{status: 503}]}")
    assert pull(ocifake.url, "app", "v1") is None
    assert ocifake.count("op=manifest.get") == 3
