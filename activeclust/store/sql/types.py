"""Column types: how times, kinds and names are stored in the database.

A value that cannot be read raises :class:`~activeclust.errors.ForeignDatabase`: another program wrote it, or the file
is damaged.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import DateTime, LargeBinary, String, Text, TypeDecorator

from activeclust.errors import ForeignDatabase
from activeclust.identities import RowIds
from activeclust.store.records import Kind

_REMEMBERED = 1000  #: cluster names, which may be 10,000 characters long
_KINDS = {kind.value: kind for kind in Kind}
# faster than json.loads, which checks for a byte order mark and options first
_DECODE = json.JSONDecoder().decode
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ENCODE_ASCII = json.JSONEncoder(separators=(",", ":")).encode


class _Sound(TypeDecorator[Any]):
    """A type that reads a driver's value directly, without SQLAlchemy's layers, since logs are long."""

    impl: Any = Text
    cache_ok = True
    says = "value"

    def parse(self, value: Any) -> Any:
        """The value of a column that is not NULL."""
        raise NotImplementedError

    def bind_processor(self, dialect: Any) -> Any:
        """Converts a value for the driver."""
        write: Any = self.process_bind_param
        inner = self.impl_instance.dialect_impl(dialect).bind_processor(dialect)
        if inner is None:
            return lambda value: write(value, dialect)
        return lambda value: inner(write(value, dialect))

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Reads a value, or raises ForeignDatabase."""
        parse, says = self.parse, self.says

        def read(value: Any) -> Any:
            if value is None:
                return None
            try:
                return parse(value)
            except (KeyError, ValueError, TypeError) as error:
                raise ForeignDatabase(f"The database is damaged: {value!r:.80} is no {says}.") from error

        return read


class UTC(_Sound):
    """Timezone-aware datetimes, stored as UTC (SQLite has no time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True
    says = "time"

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To UTC; without the zone if the database has none."""
        if value is None:
            return None
        value = value.astimezone(timezone.utc)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def parse(self, value: Any) -> datetime:
        """Back to UTC."""
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


class KindName(_Sound):
    """An event's kind, by its name."""

    impl = String(20)
    cache_ok = True
    says = "kind of event"

    def process_bind_param(self, value: Kind | str | None, dialect: Any) -> str | None:
        """To text."""
        return None if value is None else (value if type(value) is Kind else Kind(value)).value

    def parse(self, value: Any) -> Kind:
        """Back from text."""
        return _KINDS[value]


class Json(_Sound):
    """Any JSON value, as readable text. Cluster names are stored in this form: 1 is ``1`` and "1" is ``"1"``."""

    impl = Text
    cache_ok = True
    says = "JSON"

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """To text."""
        return None if value is None else _ENCODE(value)

    def parse(self, value: Any) -> Any:
        """Back from text."""
        return _DECODE(value)


class Name(Json):
    """A cluster's name: a text or an integer. The same few names are read many times, so they are cached."""

    cache_ok = True
    says = "cluster name"

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Reads a name, or raises ForeignDatabase."""
        read = super().result_processor(dialect, coltype)
        known: dict[str | None, Any] = {}

        def remember(text: str | None) -> Any:
            try:
                return known[text]
            except KeyError:
                if len(known) >= _REMEMBERED:
                    known.clear()
                return known.setdefault(text, read(text))

        return remember


class EscapedJson(Json):
    """The same for details and options of users: characters that a database cannot hold are escaped."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """To ASCII text."""
        return None if value is None else _ENCODE_ASCII(value)


class PackedRowIds(_Sound):
    """The ids of a run's rows, as compressed JSON."""

    impl = LargeBinary
    cache_ok = True
    says = "list of row ids"

    def process_bind_param(self, value: RowIds | None, dialect: Any) -> bytes | None:
        """To bytes."""
        return None if value is None else zlib.compress(_ENCODE_ASCII([value.by, value.values]).encode())

    def parse(self, value: Any) -> RowIds:
        """Back from bytes."""
        try:
            by, values = _DECODE(zlib.decompress(bytes(value)).decode())
        except zlib.error as error:
            raise ValueError(str(error)) from error
        return RowIds(by, tuple(values))
