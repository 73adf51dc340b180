"""Values of a request as its errors show them."""

import json

_SHOWN_CHARACTERS = 40


def shown(item: object) -> str:
    """Return a text, truth value, number or null as JSON spells it, shortened."""
    if isinstance(item, str) and len(item) > _SHOWN_CHARACTERS:
        return json.dumps(item[:_SHOWN_CHARACTERS], ensure_ascii=False) + "..."
    return json.dumps(item, ensure_ascii=False)
