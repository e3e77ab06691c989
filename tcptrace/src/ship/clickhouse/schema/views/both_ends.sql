-- Both ends of one connection as one row: whose process talked to whose. One host's local address and
-- port are the other's remote ones, and the times overlap, but for 5 s by which clocks may differ; of
-- several, the nearest in time. Loopback addresses are those of one host. Behind NAT, the two ends have
-- different addresses, and are not found.$about_time
SELECT
    client_host, client_comm, client_pid, client_container, client_pod, client_unit,
    client_ip, client_port,
    server_host, server_comm, server_pid, server_container, server_pod, server_unit,
    server_ip, server_port,
    client_opened_at AS opened_at,
    client_closed_at AS closed_at,
    client_handshake_ns, server_handshake_ns, total_ns,
    multiIf(closer = 'local', 'client', closer = 'remote', 'server', closer) AS closer,
    client_end, server_end,
    bytes_to_server, bytes_to_client,
    client_retransmits, server_retransmits, client_srtt_us, server_srtt_us,
    server_opened_ns - client_opened_ns AS opened_later_ns
FROM
(
    SELECT
        host AS client_host, boot AS client_boot, cookie AS client_cookie,
        comm AS client_comm, pid AS client_pid, container_name AS client_container,
        pod_name AS client_pod, unit AS client_unit,
        local_ip AS client_ip, remote_ip AS server_ip,
        local_addr AS client_addr, assumeNotNull(local_port) AS client_port,
        assumeNotNull(remote_addr) AS server_addr, assumeNotNull(remote_port) AS server_port,
        if($loopback, concat(host, ' ', toString(netns)), '') AS within,
        opened_at AS client_opened_at, closed_at AS client_closed_at,
        $opened_ns AS client_opened_ns,
        ifNull($opened_ns, toInt64(0)) AS client_from, ifNull($closed_ns, $time_ns) AS client_to,
        handshake_ns AS client_handshake_ns, total_ns, closer, end AS client_end,
        bytes_sent AS bytes_to_server, retransmits AS client_retransmits, srtt_us AS client_srtt_us
    FROM $db.flows
    WHERE (ifNull(opener, '') = 'local' OR (opener IS NULL AND local_port > remote_port))
      AND local_port IS NOT NULL AND remote_port IS NOT NULL AND remote_addr IS NOT NULL$client_time
) AS client
ALL INNER JOIN
(
    SELECT
        host AS server_host,
        comm AS server_comm, pid AS server_pid, container_name AS server_container,
        pod_name AS server_pod, unit AS server_unit,
        local_addr AS server_addr, assumeNotNull(local_port) AS server_port,
        assumeNotNull(remote_addr) AS client_addr, assumeNotNull(remote_port) AS client_port,
        if($loopback, concat(host, ' ', toString(netns)), '') AS within,
        $opened_ns AS server_opened_ns,
        ifNull($opened_ns, toInt64(0)) AS server_from, ifNull($closed_ns, $time_ns) AS server_to,
        handshake_ns AS server_handshake_ns, end AS server_end,
        bytes_sent AS bytes_to_client, retransmits AS server_retransmits, srtt_us AS server_srtt_us
    FROM $db.flows
    WHERE (ifNull(opener, '') = 'remote' OR (opener IS NULL AND local_port < remote_port))
      AND local_port IS NOT NULL AND remote_port IS NOT NULL AND remote_addr IS NOT NULL$server_time
) AS server
USING (client_addr, client_port, server_addr, server_port, within)
WHERE client_from <= server_to + 5000000000 AND server_from <= client_to + 5000000000
ORDER BY client_host != server_host, abs(server_from - client_from)
LIMIT 1 BY client_host, client_boot, client_cookie, client_from, client_addr, client_port, server_addr, server_port
