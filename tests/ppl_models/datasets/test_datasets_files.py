from __future__ import annotations

import gc
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ppl_models.datasets._files import PublishedFile, cache_folder, find

CONTENT = b"the published bytes"
# Port 9 of this host has no server: the connection is refused at once, without a network.
NOWHERE = "http://127.0.0.1:9/"


def published(*urls: str, name: str = "images.gz") -> PublishedFile:
    return PublishedFile("toy", name, hashlib.sha256(CONTENT).hexdigest(), urls or (NOWHERE,))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Print nothing."""


@pytest.fixture
def site(tmp_path):
    """A folder and the address at which this host serves it."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("place", ["toy/images.gz", "toy/images", "images.gz", "images"])
@pytest.mark.parametrize("name", ["images.gz", "images"])
def test_ppl_data_comes_first_in_any_form(cache, tmp_path, monkeypatch, place, name):
    path = tmp_path / "mine" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"my own bytes, whose hash is another")
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / name).write_bytes(CONTENT)
    monkeypatch.setenv("PPL_DATA", str(tmp_path / "mine"))
    assert find(published(name=name)) == path


def test_ppl_data_prefers_the_folder_of_the_dataset(cache, tmp_path, monkeypatch):
    (tmp_path / "toy").mkdir()
    for place in ("images.gz", "toy/images", "toy/images.gz"):
        (tmp_path / place).write_bytes(b"")
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    assert find(published()) == tmp_path / "toy/images.gz"


@pytest.mark.parametrize("ppl_data", [None, "", "no/such/folder"])
def test_the_cache_comes_next(cache, monkeypatch, ppl_data):
    if ppl_data is not None:
        monkeypatch.setenv("PPL_DATA", ppl_data)
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "images.gz").write_bytes(CONTENT)
    assert find(published()) == cache / "toy" / "images.gz"


def test_the_cache_is_the_users_own():
    import pooch

    assert cache_folder() == pooch.os_cache("ppl_models")


def test_the_download_comes_last_and_stays_in_the_cache(cache, site):
    folder, url = site
    (folder / "images.gz").write_bytes(CONTENT)
    path = find(published(NOWHERE, url))  # the second address stands in for the first
    assert path == cache / "toy" / "images.gz"
    assert path.read_bytes() == CONTENT
    assert find(published(NOWHERE)) == path


def test_a_wrong_file_in_the_cache_is_replaced(cache, site):
    folder, url = site
    (folder / "images.gz").write_bytes(CONTENT)
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "images.gz").write_bytes(b"half of it")
    assert find(published(url)).read_bytes() == CONTENT


def test_a_download_with_a_wrong_hash_is_refused(cache, site):
    folder, url = site
    (folder / "images.gz").write_bytes(b"something else")
    with pytest.raises(FileNotFoundError, match=rf"{url} served a file with a wrong SHA-256\)"):
        find(published(url))
    assert not (cache / "toy" / "images.gz").exists()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_missing_page_is_named(cache, site):
    with pytest.raises(FileNotFoundError, match=r"gave HTTPError\)"):
        find(published(site[1]))
    gc.collect()  # pooch leaves the error page's socket open; drop it before the filter ends


def test_no_network_says_where_it_looked_and_what_to_do(cache, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    monkeypatch.setenv("PPL_DATA", str(mine))
    with pytest.raises(FileNotFoundError) as caught:
        find(published())
    assert str(caught.value) == (
        f"images.gz was not found in {mine / 'toy'} and {mine}, the cache {cache / 'toy'} does not "
        f"have it, and it could not be downloaded ({NOWHERE} gave ConnectionError). Set the "
        "environment variable PPL_DATA to a folder that holds toy/images.gz, or put the file at "
        f"{cache / 'toy' / 'images.gz'}."
    )
    assert isinstance(caught.value.__cause__, OSError)


def test_no_network_and_no_ppl_data(cache):
    with pytest.raises(FileNotFoundError, match=r"not found in \$PPL_DATA \(not set\), the cache"):
        find(published())


def test_no_network_and_a_wrong_file_in_the_cache(cache):
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "images.gz").write_bytes(b"half of it")
    with pytest.raises(FileNotFoundError, match=r"toy has it with a wrong SHA-256, and it could"):
        find(published())
