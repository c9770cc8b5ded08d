"""What was asked outside: one query with one content once, and no secret of an address kept."""

from __future__ import annotations

import io

import pytest

from mlops_jupyter.capture.files import _request_url
from mlops_jupyter.capture.places import files_of_sql, urls_of
from mlops_jupyter.capture.queries import Queries, settled
from mlops_jupyter.entities import Query


@pytest.mark.parametrize(("url", "clean"), [
    ("https://user:pass@host.example/a?b=1#part", "https://host.example/a?b=1"),
    ("https://host/x?X-Amz-Signature=f00&X-Amz-Credential=c&size=3",
     "https://host/x?X-Amz-Signature=[redacted]&X-Amz-Credential=[redacted]&size=3"),
    ("https://acc.blob/x?sv=2024&sig=abc%3D", "https://acc.blob/x?sv=2024&sig=[redacted]"),
    ("postgresql+psycopg://me:s3cret@db:5432/base?password=x", "postgresql+psycopg://db:5432/base?password=[redacted]"),
    ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ("sqlite:///x.db", "sqlite:///x.db"),
    ("s3://bucket/key with space", "s3://bucket/key with space"),
    ("http://[broken", "(an address that cannot be read)"),
])
def test_an_address_is_kept_without_its_secrets(url: str, clean: str) -> None:
    assert Queries.clean(url) == clean


def test_a_statement_seen_twice_is_kept_once_with_its_rows() -> None:
    found: list[Query] = []
    queries = Queries(found.append)
    queries.asked("select 1", "sqlite:///x.db")
    queries.rows("select 1", "sqlite:///x.db", [(1,)])
    queries.rows("select 1", "sqlite:///x.db", [(1,)])
    queries.rows("select 1", "sqlite:///x.db", [(2,)])
    queries.asked("select 2", "sqlite:///x.db")
    queries.rows(object(), None, [(1,)])
    assert [(one.text, one.rows) for one in settled(found)] == [("select 1", 1), ("select 1", 1), ("select 2", None)]


def test_files_that_a_text_of_sql_names() -> None:
    assert files_of_sql("copy (select * from 'a.csv' where b = 'UA') to 'out/x.parquet'") == [
        ("a.csv", "read"), ("out/x.parquet", "write")]
    assert files_of_sql("attach 'base.db' as b; select * from read_csv(['it''s.csv', \"d/*.csv\"])") == [
        ("base.db", "attach"), ("it's.csv", "read"), ("d/*.csv", "read")]
    assert urls_of(["https://x/y", "a.csv", "file:///a.csv", io.BytesIO()]) == ["https://x/y"]


class Connection:
    host, port, default_port = "example.org", 443, 443


def test_the_address_of_a_request() -> None:
    head = b"GET /a?b=1 HTTP/1.1\r\nHost: example.org\r\n\r\n"
    assert _request_url(Connection(), head) == ("GET", "https://example.org/a?b=1")
    assert _request_url(Connection(), b"the body of a request") == ("", "")
    assert _request_url(Connection(), io.BytesIO(head)) == ("", "")
    assert _request_url(Connection(), head.replace(b"/a", b"http://other/a")) == ("GET", "http://other/a?b=1")
