-- Local ports near their end, by minute: ports is how many were taken at once for one destination, at
-- least, by connections that this side opened and that were over in that minute. A TIME_WAIT keeps its
-- port for a minute more. of_default_range is the share of the 28232 ports that Linux has by default
-- (net.ipv4.ip_local_port_range); refused is how often connect() found none.
SELECT
    $minute AS minute,
    host,
    netns,
    local_ip,
    remote_ip,
    remote_port,
    toUInt64(maxIntersectionsIf(
        ifNull($opened_ns, $time_ns),
        ifNull($closed_ns, $time_ns) + if(has(path.state, 'TIME_WAIT'), 60000000000, 0),
        local_port IS NOT NULL
    )) AS ports,
    ports / 28232 AS of_default_range,
    sum(toUInt64(ifNull(detail, '') = 'no_free_port')) AS refused
FROM $db.flows
WHERE ifNull(opener, 'local') = 'local'
GROUP BY minute, host, netns, local_ip, remote_ip, remote_port
