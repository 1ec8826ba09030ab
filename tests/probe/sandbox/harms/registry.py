"""All harms by their names, in groups: what a level of the sandbox covers differs between them."""

from __future__ import annotations

from collections.abc import Callable

PYTHON: dict[str, Callable[[], None]] = {}
LIBRARIES: dict[str, Callable[[], None]] = {}
NATIVE: dict[str, Callable[[], None]] = {}
SHELL: dict[str, str] = {
    "sh-append": "echo more >> file.txt && grep -q more file.txt",
    "sh-overwrite": "echo new > file.txt",
    "sh-remove": "rm -f file.txt && test ! -e file.txt",
    "sh-remove-tree": "rm -rf tree && test ! -e tree",
    "sh-move": "mv tree/leaf.txt file.txt",
    "sh-move-directory": "mv tree moved && test -d moved/deep",
    "sh-mode": "chmod 000 file.txt && chmod 777 tree",
    "sh-times": "touch -d 2001-02-03 file.txt tree",
    "sh-link": "ln file.txt second.txt && ln -s file.txt third.txt",
    "sh-make": "mkdir new && : > new/file && mkfifo new/pipe",
    "sh-through-link": "echo more >> link.txt && echo more > directory-link/new.txt",
    "sh-parent": "echo more >> tree/../file.txt",
    "sh-truncate": "truncate -s 3 file.txt",
    "sh-copy": "cp -p tree/leaf.txt file.txt",
    "sh-nohup": "nohup sh -c 'echo more >> file.txt' >/dev/null 2>&1",
}


def attack(group: dict[str, Callable[[], None]]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(function: Callable[[], None]) -> Callable[[], None]:
        group[function.__name__.replace("_", "-")] = function
        return function

    return add


def text(path: str) -> str:
    with open(path) as file:
        return file.read()


def write(path: str, content: str = "new\n", mode: str = "w") -> None:
    with open(path, mode) as file:
        file.write(content)
