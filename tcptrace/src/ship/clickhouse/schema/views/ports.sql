-- Local ports near their end, by minute: each TIME_WAIT keeps the port of a connection that this side
-- opened for a minute, as far as that destination goes. ports is how many were kept so at the end of
-- the minute, at least; of_default_range is the share of the 28232 ports that Linux has by default
-- (net.ipv4.ip_local_port_range); refused is how many connect() found none.
SELECT
    $minute AS minute,
    host,
    netns,
    local_ip,
    remote_ip,
    remote_port,
    uniqExactIf(local_port, has(path.state, 'TIME_WAIT')) AS ports,
    ports / 28232 AS of_default_range,
    sum(toUInt64(ifNull(detail, '') = 'no_free_port')) AS refused
FROM $db.flows
WHERE ifNull(opener, 'local') = 'local'
GROUP BY minute, host, netns, local_ip, remote_ip, remote_port
HAVING ports + refused > 0
