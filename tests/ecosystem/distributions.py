"""Pinned source distributions with training code: fetched once by pip's own means, unpacked, never built or imported."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Distribution:
    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


DISTRIBUTIONS = (
    Distribution("accelerate", "1.15.0", "5654f8c5eaa0d4fa68b33e287a97765da6849bf6d51dcac874e73fbbddfb6134"),
    Distribution("alibi-detect", "0.13.0", "07a468cac6ef0773c060d915544d0c9bd67f77400e75dfe435b1ea9a81679223"),
    Distribution("avalanche-lib", "0.6.0", "8d0886e76dbc2a769aa581aa879c711fcf7fa069291bb9986dffdd5d07f91d4a"),
    Distribution("keras", "3.15.1", "92ae7c1dd7f61041953dc2d42253181ee099086f0b58ae36fcf98147a6f08a29"),
    Distribution("lightning", "2.6.6", "1c6329e241f8a85f29fedead89c1ee138b36caa08de60c260c6a7eaee81c8295"),
    Distribution("opacus", "1.6.0", "20d77252c1e8528cd5826fbaba345cd39ed5c3edb841707eafb6403fe276140a"),
    Distribution("optax", "0.2.8", "5b225b35066fc3eebaa4d798f1b4173b4d57d1a480610908981f8343b50af0b0"),
    Distribution("ott-jax", "0.6.0", "86fda8aea68a6c29c989b1be2fc8bc7e5344e6353d3e486a3edbc36364b07483"),
    Distribution("peft", "0.21.0", "17f2b5a264439f4cd983c02e95954f2e948e3bcb85f75895ee307f94a55fd28f"),
    Distribution("sbx-rl", "0.28.0", "d31098a1d9ebb67b84cab1b91fe3f080b94b9f3fe22867902627a5d1956f1125"),
    Distribution("skorch", "1.4.0", "f7a5d3c13a3aecf0a0fe689ff25188be1145a95268f8fe81f01aaa9fbd7cead1"),
    Distribution("stable-baselines3", "2.9.2", "8af267e9513343f481b3f0680b7740ad79a746873db24f18a9fb2edcbd9a2df7"),
    Distribution("tensorflow-recommenders", "0.7.7", "ae9084eb35dbdd232d61e02a1470cbbc5dddb78028756257ca320823b6620435"),
    Distribution("timm", "1.0.31", "baa0b333339c46d3d6d4965d99b69f5053afed71210e8f433d7ea5ee6a18f0ec"),
)


def unpacked(distribution: Distribution) -> Path:
    """The folder with the Python files of a distribution, from the cache or the package index."""
    folder = Path(platformdirs.user_cache_dir("trainlint-tests")) / str(distribution)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            _unpack(_archive(distribution), scratch)
            os.rename(scratch, folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _archive(distribution: Distribution) -> bytes:
    """The archive, checked against its digest.

    ``pip download`` would run the build backend of what it fetches, so pip is only asked where the file lies, and fetches it.
    """
    from pip._internal.commands import create_command
    from pip._vendor.packaging.specifiers import SpecifierSet

    command = create_command("download")
    options, _ = command.parse_args(["--no-binary", ":all:", "--no-deps", distribution.name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options=options, session=session, ignore_requires_python=True)
        wanted = SpecifierSet(f"=={distribution.version}")
        candidate = finder.find_best_candidate(distribution.name, specifier=wanted).best_candidate
        assert candidate is not None, f"the package index has no source distribution of {distribution}"
        response = session.get(candidate.link.url_without_fragment)
        response.raise_for_status()
    data: bytes = response.content
    assert hashlib.sha256(data).hexdigest() == distribution.sha256, f"{distribution} is not what was reviewed"
    return data


def _unpack(data: bytes, folder: Path) -> None:
    """Plain Python files only, without the folder that all of them lie in."""
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        for member in archive:
            parts = Path(member.name).parts[1:]
            if member.isfile() and member.name.endswith(".py") and ".." not in parts:
                target = folder.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                target.write_bytes(content.read())
