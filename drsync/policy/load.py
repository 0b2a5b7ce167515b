"""From the text of policy files to the configuration in force, or to every fault in them."""

from collections.abc import Mapping

from drsync.model.policy import Config


def load(files: Mapping[str, str], *, base: str = "/") -> Config:
    """File names to text. Raises PolicyInvalid with every fault, one a line, as `file:line:column: path: problem → remedy`.

    Relative paths inside a file are taken from that file's folder below `base`.
    """
    raise NotImplementedError


def bundle(config: Config, policy: str) -> str:
    """The policy with the stores and clusters it names, as one text that loads by itself."""
    raise NotImplementedError
