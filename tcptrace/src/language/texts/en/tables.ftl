# Words of the tables.

# Headings of columns

heading-arrow-to = -> TO
heading-a-sec = A SEC
heading-age = AGE
heading-answered = ANSWERED
heading-close = CLOSE
heading-closed = CLOSED
heading-complete = COMPLETE
heading-data = DATA
heading-dropped = DROPPED
heading-ended-by = ENDED BY
heading-max = MAX
heading-p50 = P50
heading-p90 = P90
heading-p99 = P99
heading-failed = FAILED
heading-fd = FD
heading-from-arrow-to = FROM -> TO
heading-half-open = HALF-OPEN
heading-handshakes = HANDSHAKES
heading-held = HELD
heading-kind = KIND
heading-left = LEFT
heading-listener = LISTENER
heading-local = LOCAL
heading-made = MADE
heading-note = NOTE
heading-minisocks = MINISOCKS
heading-orphans = ORPHANS
heading-sockets = SOCKETS
heading-now = NOW
heading-of = OF
heading-open = OPEN
heading-ports = PORTS
heading-process = PROCESS
heading-program = PROGRAM
heading-reason = REASON
heading-recv-q = RECV-Q
heading-recvd = RECVD
heading-remote = REMOTE
heading-run-out = RUN OUT
heading-runs-in = RUNS IN
heading-send-q = SEND-Q
heading-sent = SENT
heading-sent-again = SENT AGAIN
heading-service = SERVICE
heading-settle-at = SETTLE AT
heading-short = SHORT
heading-state = STATE
heading-taken = TAKEN
heading-time = TIME
heading-timer = TIMER
heading-time-waits = TIME_WAITS
heading-to = TO

# Headings of `top`

heading-all = ALL
heading-by = BY
heading-closer = CLOSER
heading-closewt = CLOSEWT
heading-closing = CLOSING
heading-come = COME
heading-detail = DETAIL
heading-estab = ESTAB
heading-for = FOR
heading-from = FROM
heading-half-below = HALF BELOW
heading-listens-at = LISTENS AT
heading-netns = NETNS
heading-opening = OPENING
heading-pid = PID
heading-timewt = TIMEWT
heading-verdict = VERDICT
heading-whose = WHOSE
heading-why = WHY

# Why a transition happened, in 14 columns at the most

why-listen = listening
why-listener-closed = listen ended
why-connect = SYN sent
why-syn-received = SYN received
why-simultaneous-open = SYNs crossed
why-handshake-complete = handshake done
why-fin-sent = FIN sent
why-fin-received = FIN received
why-fin-acked = FIN acked
why-simultaneous-close = FINs crossed
why-expired = expired
why-reused-by-syn = reused by SYN
why-reused-by-connect = reused by conn
why-overflow = TW overflow
why-fin-timeout = no FIN came
why-refused = refused
why-unreachable = unreachable
why-timed-out = timed out
why-keepalive-timeout = keepalive lost
why-reset-by-peer = reset by peer
why-reset-by-us = reset by us
why-killed = killed
why-unknown = unknown
why-detail-given-up = given up
why-detail-no-free-port = no free port
why-detail-address-in-use = address in use
why-detail-nothing-sent = nothing sent
why-detail-listener-gone = listener gone
why-detail-netns-gone = netns gone
why-detail-seen-late = seen late
why-detail-icmp = ICMP error
why-detail-repair = in repair

# Who ended a connection, and how

ended-you = you: { $what }
ended-peer = peer: { $what }
ended-both = both: { $what }
ended-fin = FIN
ended-not-over = not over
ended-fin-not-over = FIN, not over
ended-fin-peer-rst = FIN, peer: RST
ended-fin-you-rst = FIN, you: RST
ended-fin-then = FIN, { $why }
ended-killed = killed
ended-icmp = ICMP
ended-keepalive = keepalive
ended-no-fin = no FIN
ended-overflow = overflow
short = short
long = long
idle-before-peer = idle { $time } before the peer closed:
idle-before-us = idle { $time } before this side closed:
or-timeout = { $first } or { $second }
timeout = { $product } { $setting } { $seconds } s

# `stats`

in-all = in all: { $what }
period = { $from } to { $to } ({ $length }), { $count } transitions
lost-events = { $count } events lost: all counts are too small
nothing-at-all = no connections, and nothing happened
nothing-happened-unknown = nothing happened; what connections there are is not known
nothing-seen = no connections, and nothing that happened was seen
nothing-seen-unknown = nothing that happened was seen
and-more = and { $count } more
none = none
unknown = unknown
group-transitions = ({ $count } transitions)
too-many = too many to tell all apart: { $lists }
connections-ended = { $number ->
    [1] 1 connection
   *[other] { $count } connections
} ended
fin-of-each = FIN of each side
time-wait-because = TIME_WAIT: { $why }
handshakes-failed = { $number ->
    [1] 1 handshake
   *[other] { $count } handshakes
} failed
makers-before = TIME_WAITs from before, by who made them
makers = { $number ->
    [1] 1 TIME_WAIT
   *[other] { $count } TIME_WAITs
} made, by
ports-taken = Local ports taken, by destination
short-connections = Short connections (a request or two), by service
syns-received = SYNs received, by listener
needed-again = Handshakes that needed a SYN or SYN+ACK again, by service
to-service = to
of-service = of
run-out-in = in { $time }
run-out-now = now
run-out-no = no
state-entered = ENTERED
state-left = LEFT
state-now = NOW

# `list`

note-minisock = minisock
note-request = request
note-orphan = orphan
note-queued = queued
note-dropped = drop { $count }
note-keepalive = ka { $time }
network-namespace = network namespace { $netns }
sum = all
