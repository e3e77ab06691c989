-- Who makes TIME_WAITs, by minute: the side that closes first has them. Each that this side opened
-- takes a local port for a minute.
SELECT
    $minute AS minute,
    host,
    comm,
    opener,
    remote_ip,
    if(opener = 'local', remote_port, local_port) AS service_port,
    count() AS time_waits
FROM $db.flows
WHERE has(path.state, 'TIME_WAIT')
GROUP BY minute, host, comm, opener, remote_ip, service_port
