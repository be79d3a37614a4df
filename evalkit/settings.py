"""The user's settings: one TOML file in the platform's configuration folder."""

import json
import tomllib
from pathlib import Path

import platformdirs
import pydantic

from evalkit.atomic import write_whole
from evalkit.errors import EvalkitError


class Settings(pydantic.BaseModel):
    """Content of the settings file.

    Attributes:
        data_root: Benchmark name -> folder of the user's copy.
    """

    model_config = pydantic.ConfigDict(extra="forbid", populate_by_name=True)

    data_root: dict[str, Path] = pydantic.Field(default_factory=dict, alias="data-root")


def settings_path() -> Path:
    """Return the place of the settings file; it need not exist."""
    return Path(platformdirs.user_config_dir("evalkit", appauthor=False)) / "config.toml"


def load_settings() -> Settings:
    """Read the settings; defaults where there is no file.

    Raises:
        EvalkitError: The file is no TOML or has unknown entries.
    """
    path = settings_path()
    if not path.is_file():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, pydantic.ValidationError, UnicodeDecodeError, RecursionError) as problem:
        raise EvalkitError(f"settings file {path} cannot be used: {problem}") from problem


def save_settings(settings: Settings) -> Path:
    """Write the settings file, as a whole or not at all, and return its path.

    Raises:
        EvalkitError: A folder's name is not UTF-8.
        StoreError: The disk is full or read-only; the old settings are kept.
    """
    path = settings_path()
    lines = ["[data-root]"]
    # JSON strings are TOML basic strings, but for one character; two lines are no reason to install a writer of TOML
    pairs = [(name, str(folder)) for name, folder in sorted(settings.data_root.items())]
    lines += [" = ".join(json.dumps(text, ensure_ascii=False) for text in pair) for pair in pairs]
    try:
        data = ("\n".join(lines) + "\n").replace("\x7f", "\\u007f").encode()
    except UnicodeEncodeError:
        raise EvalkitError(
            f"{path}: a settings file is UTF-8, the name of a folder is not. Rename the folder."
        ) from None
    write_whole(path, data)
    return path
