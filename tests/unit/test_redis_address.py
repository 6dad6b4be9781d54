"""REDIS__URL is read once: what is served, what is refused in one line, and that no line holds a part of the URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from shared.broker import celery_app
from shared.errors import SettingsInvalid
from shared.redis_address import read_address
from shared.settings import Settings, from_environment

HERE = str(Path(__file__))
SERVED: dict[str, dict[str, Any]] = {
    "redis://": {},
    "redis://h": {"host": "h"},
    "redis://h:7000/3": {"host": "h", "port": 7000, "database": 3},
    "REDIS://h/0/": {"host": "h"},
    "valkey://h": {"host": "h"},
    "valkeys://h": {"host": "h", "tls": True},
    "redis://[::1]:7000": {"host": "::1", "port": 7000},
    "redis://my_redis.internal.": {"host": "my_redis.internal."},
    "redis://h?db=3": {"host": "h", "database": 3},  # redis-py's form: indico/indico#5391
    "redis://h/3?db=3": {"host": "h", "database": 3},
    "redis://h/0?health_check_interval=10&socket_keepalive=True": {
        "host": "h",
        "options": {"health_check_interval": 10, "socket_keepalive": True},
    },
    # redis/redis-py#1171, cameronmaske/celery-once#135: any password, escaped; redis/redis-rb#863: a + is itself
    "redis://:%21%23%24%25%5E%26%2A%28%29%5B%5D@h": {"host": "h", "password": "!#$%^&*()[]"},
    "redis://:a+b=@h": {"host": "h", "password": "a+b="},
    "redis://:p@ss:word@h": {"host": "h", "password": "p@ss:word"},  # sewenew/redis-plus-plus#383
    "redis://svc:x@h": {"host": "h", "username": "svc", "password": "x"},
    "unix:///run/redis.sock": {"socket": "/run/redis.sock"},  # bookwyrm-social/bookwyrm#2604
    "unix:///run/redis.sock?db=2&password=s%263": {"socket": "/run/redis.sock", "database": 2, "password": "s&3"},
    "unix://svc:x@/run/re@dis.sock?virtual_host=1": {
        "socket": "/run/re@dis.sock",
        "database": 1,
        "username": "svc",
        "password": "x",
    },
    # celery/celery#5703: Celery and redis-py spell it in two ways
    "rediss://h?ssl_cert_reqs=CERT_NONE": {"host": "h", "tls": True, "options": {"ssl_cert_reqs": "none"}},
    "rediss://h?ssl_cert_reqs=required": {"host": "h", "tls": True, "options": {"ssl_cert_reqs": "required"}},
    "redis+sentinel://a,b:26380,[::1]/main": {
        "sentinels": (("a", 26379), ("b", 26380), ("::1", 26379)),
        "service": "main",
    },
    "REDIS+SENTINEL://svc:p%40ss@a/main/2?sentinel_username=watch&sentinel_password=%26x": {
        "sentinels": (("a", 26379),),
        "service": "main",
        "database": 2,
        "username": "svc",
        "password": "p@ss",
        "sentinel_login": {"username": "watch", "password": "&x"},
    },
    "rediss+sentinel://a/main?db=1&ssl_cert_reqs=none": {
        "sentinels": (("a", 26379),),
        "service": "main",
        "database": 1,
        "tls": True,
        "options": {"ssl_cert_reqs": "none"},
    },
    f"rediss://h?ssl_ca_certs={HERE}": {"host": "h", "tls": True, "options": {"ssl_ca_certs": HERE}},
}
REFUSED = {
    "h:6379": "must start with redis://",
    "http://s3cr@h": "must start with redis://",
    "redis+sentinel://s3cr@h": "Sentinels need the name of their service",
    "redis+sentinel://h/s3 cr": "%20",
    "redis+sentinel://h/main/s3cr": "database must be a number",
    "redis+sentinel://h,,h2/main?sentinel_password=x&sentinel_password=s3cr": "sentinel_password twice",
    "redis://h?sentinel_password=s3cr": "needs redis+sentinel://",
    "unix+sentinel://s3cr@h/main": "must start with redis://",
    "redis://:s3cr#et@h/0": "%23",  # TencentBlueKing/bk-user#364, jazzband/django-redis#205
    "redis://:s3/cr@h/0": "%2F",
    "redis://:s3?cr@h/0": "%3F",
    "redis://:s3cr@h\n": "line break",  # a Secret made with `echo` and not `echo -n`
    "redis://:s3 cr@h": "%20",
    "redis://h/s3cr": "database must be a number",
    "redis://h?db=s3cr": "database must be a number",
    "redis://h/1?db=2": "two databases",
    "redis://h:0": "port",
    "redis://h:70000": "port",
    "redis://h:s3cr": "one host and one port",
    "redis://h1,h2:6379": "one host and one port",
    "redis://${REDIS_HOST}:6379": "one host and one port",
    "redis://::1:6379": "one host and one port",
    "redis://[::1": "one host and one port",
    "redis://h?socket_timeout=5": "option socket_timeout is the setting REDIS__TIMEOUT_S",
    "redis://h?max_connections=5": "option max_connections is the setting REDIS__MAX_CONNECTIONS",
    "redis://h?protocol=3": "not taken here; these are: username",
    "redis://h?s3cr=1": "not taken here",
    "redis://h?health_check_interval=s3cr": "whole seconds",
    "redis://h?ssl_cert_reqs=none": "needs rediss://",
    "rediss://h?ssl_cert_reqs=s3cr": "required, optional or none",
    "rediss://h?ssl_ca_certs=/s3cr": "a path that exists here",
    "redis://h?db=1&db=2": "db twice",
    "redis://svc:x@h?password=s3cr": "password twice",
    "unix://run/redis.sock": "unix:///run/redis.sock",
    "unix://:s3/cr@/run/redis.sock": "%2F",
    "unix://": "unix:///run/redis.sock",
}


@pytest.mark.parametrize("url", SERVED)
def test_a_url_is_read_as_its_writer_meant_it(url: str) -> None:
    read = read_address(url)

    assert {name: getattr(read, name) for name in SERVED[url]} == SERVED[url]
    assert read == type(read)(**SERVED[url])


@pytest.mark.parametrize("url", REFUSED)
def test_any_other_stops_the_start_with_its_settings_name_and_nothing_of_its_value(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SCRIPTQUEUE_REDIS__URL", url)

    with pytest.raises(SettingsInvalid) as refused:
        from_environment()

    line = str(refused.value)
    assert line.startswith("SCRIPTQUEUE_REDIS__URL: ")
    assert REFUSED[url] in line
    assert "s3" not in line
    assert "\n" not in line


@pytest.mark.parametrize("url", SERVED)
def test_kombu_comes_to_the_same_server_as_redis_py(url: str) -> None:
    """celery/celery#3132: what redis-py takes, Celery may not."""
    settings = Settings(redis={"url": url})
    theirs = of_kombu(celery_app.make_app(settings, patient=True))

    ours = settings.redis.address.connection
    address = settings.redis.address
    where = () if address.sentinels else ("host", "port", "path")
    names = {*where, "db", "username", "password", *address.options}
    assert {name: theirs.get(name) for name in names} == {name: ours.get(name) for name in names}
    assert ("SSL" in theirs["connection_class"].__name__) == address.tls
    assert (theirs["finder"] is not None) == bool(address.sentinels)


def of_kombu(app: Celery) -> dict[str, Any]:
    """The arguments of the connections that a worker makes."""
    with app.connection_for_read() as connection:
        channel_class = connection.transport.Channel
        channel = channel_class.__new__(channel_class)
        channel.connection = connection.transport
        for name, value in connection.transport_options.items():
            setattr(channel, name, value)
        kwargs: dict[str, Any] = channel._connparams(asynchronous=False)
    return kwargs


def test_without_a_word_on_certificates_they_are_verified() -> None:
    app = celery_app.make_app(Settings(redis={"url": "rediss://h"}), patient=True)

    assert of_kombu(app)["ssl_cert_reqs"] == "required"


@pytest.mark.parametrize("url", SERVED)
def test_where_it_is_can_be_told_without_a_secret(url: str) -> None:
    read = read_address(url)

    where = read.socket or f"{'[::1]' if read.host == '::1' else read.host}:{read.port}"
    assert read.place == where or (read.sentinels and read.place.startswith("main (of the Sentinels a:26379"))
    for secret in (read.password, *read.sentinel_login.values()):
        assert secret is None or (secret not in read.place and f"'{secret}'" not in repr(read))
