"""Messages and documents as readable JSON: camelCase names, bytes in hexadecimal, tuples as lists."""

import dataclasses


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def readable(value):
    if dataclasses.is_dataclass(value):
        return {camel(field.name): readable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, (tuple, list)):
        return [readable(entry) for entry in value]
    return value
