"""trainlint says, while training code is being typed, why its weights will not learn."""

__version__ = "0.1.0"
