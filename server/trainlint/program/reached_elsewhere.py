"""Whether other files of the workspace get at what the checked file builds: by their texts alone."""

from __future__ import annotations

import re

from ..source.workspace import Workspace

_MOST_FILES = 3_000
_HANDED_ON = r"\s*(?:\.\s*(?:param_groups|load_state_dict|add_param_group)\b|[,)\]}]|$)"


def reached_elsewhere(workspace: Workspace | None, path: str, class_name: str, attribute: str) -> bool:
    """Another file does something to `object.attribute`: it hands it on, or gets at what is in it. True where there are too
    many files to look at."""
    files = workspace.python_files(_MOST_FILES) if workspace is not None else []
    if workspace is None or files is None:
        return files is None
    wanted = re.compile(rf"(self\.|\b)([A-Za-z_]\w*|[\])])\s*\.\s*{re.escape(attribute)}{_HANDED_ON}", re.MULTILINE)
    for file in files:
        document = workspace.document(file) if file != path else None
        text = document.text if document is not None else ""
        if f".{attribute}" not in text:
            continue
        heir = _inherits(text, re.escape(class_name))
        for found in wanted.finditer(text):
            receiver = found.group(2)
            own = receiver == "self" and not heir
            if not own and not re.search(rf"^\s*(?:import|from)\b.*\b{re.escape(receiver)}\b", text, re.MULTILINE):
                return True
    return False


def _inherits(text: str, class_name: str) -> bool:
    """A class there may derive from the class of this name that is ours: it is named, and is not one of the file's own."""
    if not re.search(rf"\b{class_name}\b", text):
        return False
    own = re.search(rf"^[ \t]*class\s+{class_name}\b", text, re.MULTILINE)
    return own is None or re.search(rf"^\s*(?:import|from)\b.*\b{class_name}\b", text, re.MULTILINE) is not None


_SETS_A_RATE = re.compile(r"(?:opt\w*|\))\s*\.\s*(?:lr|learning_rate)\s*(?:=(?!=)|\.\s*assign\b)|\bset_value\s*\(")


def sets_rates(workspace: Workspace | None, text: str) -> bool:
    """The file of `text` or another one gives some optimizer a new rate. True where there are too many files to look at."""
    if _SETS_A_RATE.search(text):
        return True
    files = workspace.python_files(_MOST_FILES) if workspace is not None else []
    if workspace is None or files is None:
        return files is None
    documents = (workspace.document(file) for file in files)
    return any(document is not None and _SETS_A_RATE.search(document.text) is not None for document in documents)
