"""What may hold a secret, told by its name or its shape; for logs, diffs and error texts."""

import re
from typing import Final

HIDDEN: Final = "(secret)"

_NAMES: Final = re.compile(
    r"pass(?:word|wd|phrase)|secret|token|credential|authorization|cookie|bearer|kubeconfig|signature"
    r"|(?:private|api|access|signing|client|root|data|wrapping)key|^identity$|^ageidentity"
)

_SHAPES: Final = (
    (re.compile(r"AGE-SECRET-KEY-[0-9A-Za-z-]+", re.IGNORECASE), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),
    (re.compile(r"\b(Bearer|Basic|Negotiate)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"""([\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|signature|sig|api[_-]?key|access[_-]?key)"""
            r"""[\w.-]*["']?\s*[=:]\s*)(?:"[^"]*"?|'[^']*'?|[^\s"',;&)}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


def looks_secret(name: str) -> bool:
    """Whether a field of this name is likely to hold a secret: `DB_PASSWORD`, `apiKey`, `client-key-data`."""
    return _NAMES.search(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def scrub(text: str) -> str:
    """The text without what has a secret's shape: userinfo in URLs, `token=…`, private keys, signed tokens."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
