-- Sums by minute, host, program, service and end. service_port is the port of the side that was
-- connected to; 0 where it is not known which that was. comm and workload (the pod, else the
-- container, else the unit) are '' where unknown. Rows of one minute may not be summed up yet: always
-- ask for sum(...), and for quantilesTDigestMerge(0.5, 0.9, 0.99)(handshake).
SELECT
    $minute AS minute,
    host,
    ifNull(comm, '') AS comm,
    multiIf(
        pod_name IS NOT NULL, concat(ifNull(pod_namespace, ''), '/', ifNull(pod_name, '')),
        container_name IS NOT NULL, ifNull(container_name, ''),
        ifNull(unit, '')
    ) AS workload,
    ifNull(opener, '') AS opener,
    multiIf(
        opener = 'local', ifNull(remote_port, 0),
        opener = 'remote', ifNull(local_port, 0),
        0
    ) AS service_port,
    ifNull(end, '') AS end,
    count() AS connections,
    sum(ifNull(bytes_sent, 0)) AS bytes_sent,
    sum(ifNull(bytes_received, 0)) AS bytes_received,
    sum(toUInt64(ifNull(retransmits, 0))) AS retransmits,
    sum(toUInt64(has(path.state, 'TIME_WAIT'))) AS time_waits,
    sum(toUInt64(ifNull(detail, '') = 'no_free_port')) AS no_free_port,
    quantilesTDigestState(0.5, 0.9, 0.99)(handshake_ns) AS handshake
FROM $db.$flows
GROUP BY minute, host, comm, workload, opener, service_port, end
