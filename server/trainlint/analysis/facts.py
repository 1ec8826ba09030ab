"""Everything the rules may ask of one document, computed once and on demand."""

from __future__ import annotations

from .flow.facts import FlowFacts
from .paths.facts import PathFacts
from .tensors.facts import TensorFacts
from .wiring.facts import WiringFacts


class Facts(PathFacts, FlowFacts, WiringFacts, TensorFacts):
    """Facts about one document, each from the part of the analysis that knows it."""
