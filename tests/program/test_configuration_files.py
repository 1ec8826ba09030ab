"""Hyper-parameters from files that the code loads by a literal path."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.finding import Finding

from tests.program.projects import Project, findings

LOOP = """
for x, y in [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]:
    optimizer.zero_grad()
    LOSS.backward()
    optimizer.step()
"""
YAML = """\
## conf.yaml
name: run
optim:
  lr: RATE
"""
JSON = """\
## conf.json
{
  "name": "run",
  "optim": {"momentum": 0.9,
            "lr": RATE}
}
"""
TOML = """\
## conf.toml
name = "run"
[optim]
lr = RATE
"""


def rate(tmp_path: Path, head: str, built: str = 'cfg["optim"]["lr"]', file: str = YAML, number: str = "1000.0") -> list[Finding]:
    """What is said of an optimizer whose rate `built` comes out of `file`."""
    text = (
        f"## main.py\nimport torch\n{head}\nmodel = torch.nn.Linear(2, 1)\n"
        f"optimizer = torch.optim.SGD(model.parameters(), lr={built})\n{LOOP}{file.replace('RATE', number)}"
    )
    tmp_path.mkdir(exist_ok=True)
    return [finding for _, finding in findings(Project.of(text).reports(tmp_path))]


HEADS = {
    "safe_load": ('import yaml\ncfg = yaml.safe_load(open("conf.yaml"))', YAML),
    "load": ('import yaml\ncfg = yaml.load(open("conf.yaml"), Loader=yaml.FullLoader)', YAML),
    "with": ('import yaml\nwith open("conf.yaml", "r") as f:\n    cfg = yaml.safe_load(f)', YAML),
    "names": ('from yaml import safe_load as read\nPATH = "conf.yaml"\nwith open(PATH) as f:\n    cfg = read(f.read())', YAML),
    "path": ('import yaml\nfrom pathlib import Path\ncfg = yaml.safe_load(Path("conf.yaml").read_text())', YAML),
    "beside": (
        "import yaml\nfrom pathlib import Path\nHERE = Path(__file__).resolve().parent\n"
        'cfg = yaml.safe_load((HERE / "conf.yaml").read_text())',
        YAML,
    ),
    "os.path": (
        "import os, yaml\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
        'cfg = yaml.safe_load(open(os.path.join(HERE, "conf.yaml")))',
        YAML,
    ),
    "function": (
        'import yaml\ndef load(path):\n    with open(path) as f:\n        return yaml.safe_load(f)\ncfg = load("conf.yaml")',
        YAML,
    ),
    "json": ('import json\nwith open("conf.json") as f:\n    cfg = json.load(f)', JSON),
    "json text": ('import json\nfrom pathlib import Path\ncfg = json.loads(Path("conf.json").read_text())', JSON),
    "toml": ('import tomllib\nwith open("conf.toml", "rb") as f:\n    cfg = tomllib.load(f)', TOML),
}


@pytest.mark.parametrize(("head", "file"), HEADS.values(), ids=HEADS)
def test_the_rate_is_known_and_its_place_told(tmp_path: Path, head: str, file: str) -> None:
    [finding] = rate(tmp_path / "bad", head, file=file)
    assert finding.code == "TRN402" and "1000" in finding.message and not finding.fixes
    [place] = finding.related
    lines = Path(place.path).read_text().splitlines()
    assert "1000.0" in lines[place.span.start.line - 1] and Path(place.path).name.startswith("conf.")
    assert not rate(tmp_path / "good", head, file=file, number="0.01")


LOAD = HEADS["safe_load"][0]


@pytest.mark.parametrize(
    ("head", "built"),
    [
        ('from omegaconf import OmegaConf\ncfg = OmegaConf.load("conf.yaml")', "cfg.optim.lr"),
        (f"{LOAD}\nfrom types import SimpleNamespace\nopt = SimpleNamespace(**cfg['optim'])", "opt.lr"),
        (f"{LOAD}\nfrom easydict import EasyDict\ncfg = EasyDict(cfg)", "cfg.optim.lr"),
        (f"{LOAD}\nprint(cfg)", 'cfg.get("optim").get("lr", 0.1)'),
        (f'{LOAD}\ncfg["name"] = "other"', 'float(cfg["optim"]["lr"])'),
    ],
)
def test_ways_to_an_entry(tmp_path: Path, head: str, built: str) -> None:
    assert [finding.code for finding in rate(tmp_path / "bad", head, built)] == ["TRN402"]
    assert not rate(tmp_path / "good", head, built, number="0.01")


@pytest.mark.parametrize(
    "change",
    [
        'cfg["optim"]["lr"] = args.lr',
        'if args.lr:\n    cfg["optim"]["lr"] = args.lr',
        'for key, value in vars(args).items():\n    cfg["optim"][key] = value',
        'cfg["optim"].update(vars(args))',
        "cfg.update(vars(args))",
        "if args.lr:\n    cfg.update(vars(args))",
        "from overrides import override\noverride(cfg, args)",
        'cfg = {**cfg, "optim": vars(args)}',
    ],
)
def test_what_the_program_may_have_changed_is_not_known(tmp_path: Path, change: str) -> None:
    head = f"import argparse\nargs = argparse.ArgumentParser().parse_args()\n{LOAD}\n{change}"
    assert not rate(tmp_path, head)


def test_the_command_line_is_not_known(tmp_path: Path) -> None:
    head = """\
import argparse, yaml
parser = argparse.ArgumentParser()
parser.add_argument("--config", default="conf.yaml")
parser.add_argument("--lr", type=float, default=1000.0)
args = parser.parse_args()
cfg = yaml.safe_load(open(args.config))"""
    assert not rate(tmp_path / "path", head)
    assert not rate(tmp_path / "rate", head, "args.lr")


def test_yaml_reads_a_number_without_a_point_as_text_and_omegaconf_does_not(tmp_path: Path) -> None:
    assert [found.code for found in rate(tmp_path / "yaml", LOAD, number="1e9")] == ["TRN403"]
    assert rate(tmp_path / "converted", LOAD, 'float(cfg["optim"]["lr"])', number="1e9")
    assert rate(tmp_path / "exact", LOAD, number="1.0e+9")
    head = 'from omegaconf import OmegaConf\ncfg = OmegaConf.load("conf.yaml")'
    assert rate(tmp_path / "lax", head, "cfg.optim.lr", number="1e9")
    assert not rate(tmp_path / "interpolated", head, "cfg.optim.lr", number="${scale}")


def test_a_file_found_in_two_places_is_not_known(tmp_path: Path) -> None:
    text = (
        f"## sub/main.py\nimport torch\n{LOAD}\nmodel = torch.nn.Linear(2, 1)\n"
        f'optimizer = torch.optim.SGD(model.parameters(), lr=cfg["optim"]["lr"])\n{LOOP}{YAML.replace("RATE", "1000.0")}'
    )
    project = Project.of(text)
    assert findings(project.reports(tmp_path / "one"))
    both = Project({**project.files, "sub/conf.yaml": project.files["conf.yaml"].replace("1000.0", "0.1")})
    assert not findings(both.reports(tmp_path / "two"))


@pytest.mark.parametrize("text", ["a: [", "a: !!python/name:os.system x\n", "- 1\n- 2\n", "", "x: &a [*a]\n", "? [1, 2]\n: 3\n"])
def test_odd_files_are_no_trouble(tmp_path: Path, text: str) -> None:
    assert not rate(tmp_path, LOAD, file=f"## conf.yaml\n{text}")


def test_a_number_without_a_point_is_a_string_in_yaml(tmp_path: Path) -> None:
    head, file = HEADS["safe_load"]
    (found,) = rate(tmp_path / "faulty", head, file=file, number="1e-4")
    assert (found.code, found.span.start.line) == ("TRN403", 5)
    assert [related.message for related in found.related] == ["the value comes from here"]
    assert [fix.edits and fix.edits[0].text for fix in found.fixes] == ['float(cfg["optim"]["lr"])']
    assert rate(tmp_path / "pointed", head, file=file, number="1.0e-4") == []
    assert rate(tmp_path / "converted", head, 'float(cfg["optim"]["lr"])', file, "1e-4") == []
