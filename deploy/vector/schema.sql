-- Tables for what vector.toml makes of the lines of `probe serve --json`: a row a line, rule and, in the
-- second, key. packets and bytes are totals since the program started; pps and bps (bits) belong to
-- the interval. Names and meanings are those of docs/serve.md.
CREATE DATABASE IF NOT EXISTS probe;

CREATE TABLE IF NOT EXISTS probe.rules
(
    time DateTime64(3, 'UTC'),
    host LowCardinality(String),
    rule LowCardinality(String),
    filter String,
    packets UInt64,
    bytes UInt64,
    pps Float64,
    bps Float64
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (rule, host, time)
TTL toDateTime(time) + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS probe.sources
(
    time DateTime64(3, 'UTC'),
    host LowCardinality(String),
    rule LowCardinality(String),
    by LowCardinality(String),
    key String,
    packets UInt64,
    -- The interval in which the true count lies.
    low UInt64,
    high UInt64,
    share Float64,
    pps Float64
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (rule, by, key, host, time)
TTL toDateTime(time) + INTERVAL 30 DAY;
