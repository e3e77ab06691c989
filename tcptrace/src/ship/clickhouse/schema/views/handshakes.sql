-- How long handshakes take, by minute and service, ms: as who connects measures it (opener = 'local',
-- SYN to SYN+ACK), and as the service does (opener = 'remote', SYN to ACK).
SELECT
    minute,
    host,
    comm,
    opener,
    service_port,
    sum(connections) AS connections,
    quantilesTDigestMerge(0.5, 0.9, 0.99)(handshake) AS ns,
    ns[1] / 1000000 AS p50_ms,
    ns[2] / 1000000 AS p90_ms,
    ns[3] / 1000000 AS p99_ms
FROM $db.flows_by_minute
GROUP BY minute, host, comm, opener, service_port
HAVING NOT isNaN(ns[1])
