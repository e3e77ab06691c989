-- Connections that were stuck in a state, as long as tcptrace stuck calls it that. They are told when
-- they are over: what hangs now, tcptrace stuck tells on the host.
SELECT
    time,
    host,
    comm,
    pid,
    opener,
    local_ip,
    local_port,
    remote_ip,
    remote_port,
    state,
    held_ns / 1000000000 AS held_s,
    end,
    detail
FROM $db.flows
ARRAY JOIN path.state AS state, path.ns AS held_ns
WHERE $stuck
