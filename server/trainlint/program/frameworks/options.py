"""Libraries that read the command line, and those whose classes hold configurations."""

from __future__ import annotations

# Their objects gather options one by one.
PARSERS = frozenset(
    {"argparse.ArgumentParser", "configargparse.ArgumentParser", "configargparse.ArgParser", "simple_parsing.ArgumentParser",
     "jsonargparse.ArgumentParser", "transformers.HfArgumentParser", "transformers.hf_argparser.HfArgumentParser",
     "trl.TrlParser", "tap.Tap", "tap.tap.Tap"}
)  # fmt: skip
# They give a part of the same parser.
GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group", "add_subparsers", "add_parser"})
ADDING = frozenset({"add_argument", "add", "add_arg"})
READING = frozenset({"parse_args", "parse_known_args", "parse_args_into_dataclasses", "parse_args_and_config"})

# Their first argument is a class; they give an object of it.
FILLING = frozenset(
    {"tyro.cli", "simple_parsing.parse", "draccus.parse", "pyrallis.parse", "jsonargparse.CLI", "jsonargparse.auto_cli",
     "chz.entrypoint"}
)  # fmt: skip

# Decorators, and functions, that let the command line give the arguments of a function.
COMMANDS = frozenset(
    {"click.command", "click.group", "typer.run", "typer.Typer().command", "fire.Fire", "tyro.cli", "jsonargparse.CLI",
     "jsonargparse.auto_cli", "plac.call", "argh.dispatch_command", "defopt.run"}
)  # fmt: skip
COMMAND_METHODS = frozenset({"command", "default", "callback"})
OPTION_DECORATORS = frozenset({"click.option", "click.argument"})
# As a default they say what the default is.
OPTION_DEFAULTS = frozenset({"typer.Option", "typer.Argument", "click.Option"})

# What these define is an attribute of one object.
FLAGS = {f"{module}.DEFINE_{kind}": f"{module}.FLAGS" for module in ("absl.flags", "tensorflow.app.flags", "gflags") for kind in
         ("float", "integer")}  # fmt: skip
FLAG_HOLDERS = frozenset(FLAGS.values())

# In the body of a class they say what an attribute is where the constructor is given nothing; `True`: by position too.
FIELDS = {
    "dataclasses.field": False,
    "attr.ib": True,
    "attr.attrib": True,
    "attr.field": False,
    "attrs.field": False,
    "pydantic.Field": True,
    "pydantic.fields.Field": True,
    "simple_parsing.field": True,
    "simple_parsing.helpers.field": True,
    "flax.struct.field": False,
}
AS_TABLES = frozenset({"dataclasses.asdict", "attr.asdict", "attrs.asdict", "builtins.vars"})
REPLACING = frozenset({"dataclasses.replace", "attr.evolve", "attrs.evolve", "copy.replace"})
