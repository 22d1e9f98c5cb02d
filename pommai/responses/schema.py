"""The JSON Schema of `offline_responses.yaml`, for editors to complete and underline while a designer types."""

from __future__ import annotations

from typing import Any

from pommai.responses.keys import DOCUMENT_KEYS, REPLY_KEYS
from pommai.source import object_schema


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. What it allows, the loader reads, but for what belongs together and for ranges."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai offline responses",
        "description": "What the toy answers without a network, what it does not talk about, and how much is enough.",
        **object_schema(DOCUMENT_KEYS),
        "$defs": {"reply": {**object_schema(REPLY_KEYS), "description": "A reply with more than its words."}},
    }
