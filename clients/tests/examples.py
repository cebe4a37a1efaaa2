"""Writes the examples of a page as one program per language: `examples.py PAGE FOLDER API_URL`."""

import re
import sys
from pathlib import Path

DOCUMENTED_URL = "http://127.0.0.1:3000"


def main(page: Path, folder: Path, url: str) -> None:
    name = "_".join(page.with_suffix("").parts).lower()
    blocks = re.findall(r"^```(ts|python)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    if not blocks:
        sys.exit(f"{page} has no examples")
    for language, suffix in {"ts": "ts", "python": "py"}.items():
        program = "\n".join(code for of, code in blocks if of == language)
        if program:
            (folder / suffix).mkdir(parents=True, exist_ok=True)
            (folder / suffix / f"{name}.{suffix}").write_text(program.replace(DOCUMENTED_URL, url))


main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
