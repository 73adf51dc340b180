"""How Keras makes names: folders out of classes, and numbers behind names that are used again."""

import re


def snake_case(class_name: str) -> str:
    """Return the folder name that Keras makes of a class name (keras.src.utils.naming.to_snake_case)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(name: str, counts: dict[str, int]) -> str:
    """`name`, then `name_1`, `name_2` and so on at each further use; `counts` remembers."""
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name
