"""Libraries that read configuration files, and those that hold what was read."""

from __future__ import annotations

from enum import Enum, auto


class Format(Enum):
    """How the text of a file becomes values. YAML 1.1 knows no float without a point; other readers are laxer."""

    YAML = auto()
    LAX_YAML = auto()
    JSON = auto()
    TOML = auto()


# The first argument of these is an open file, or the text of one.
LOADERS = {
    "yaml.load": Format.YAML,
    "yaml.safe_load": Format.YAML,
    "yaml.full_load": Format.YAML,
    "yaml.unsafe_load": Format.YAML,
    "ruamel.yaml.load": Format.LAX_YAML,
    "ruamel.yaml.safe_load": Format.LAX_YAML,
    "json.load": Format.JSON,
    "json.loads": Format.JSON,
    "tomllib.load": Format.TOML,
    "tomllib.loads": Format.TOML,
    "tomli.load": Format.TOML,
    "tomli.loads": Format.TOML,
    "toml.loads": Format.TOML,
}

# The first argument of these is a path or an open file.
PATH_LOADERS = {"omegaconf.OmegaConf.load": Format.LAX_YAML, "toml.load": Format.TOML}

# These hold what they are given, entry for entry.
HOLDERS = frozenset(
    {"builtins.dict", "argparse.Namespace", "types.SimpleNamespace", "easydict.EasyDict", "box.Box", "munch.Munch",
     "munch.munchify", "munch.DefaultMunch.fromDict", "addict.Dict", "dotmap.DotMap", "attrdict.AttrDict",
     "ml_collections.ConfigDict", "ml_collections.config_dict.ConfigDict", "omegaconf.OmegaConf.create",
     "omegaconf.OmegaConf.to_container", "omegaconf.DictConfig", "copy.copy", "copy.deepcopy"}
)  # fmt: skip

READERS = frozenset(
    {"omegaconf.OmegaConf.to_yaml", "omegaconf.OmegaConf.set_struct", "omegaconf.OmegaConf.set_readonly",
     "omegaconf.OmegaConf.is_missing", "yaml.dump", "yaml.safe_dump", "json.dump", "json.dumps", "pprint.pprint"}
)  # fmt: skip
