# What `tcptrace doctor` says.

# What a setting's value means on this machine

mean-fin-timeout = an orphan's FIN_WAIT2 ends after { $seconds } s; TIME_WAIT does not depend on it
mean-keepalive = with SO_KEEPALIVE, a dead peer is found after { $time }
mean-tw-buckets = room for { $count } closes a second by this side, before TIME_WAITs are skipped
mean-tw-reuse-0 = connect() takes no TIME_WAIT's port
mean-tw-reuse-1 = connect() may take a TIME_WAIT's port
mean-tw-reuse-2 = connect() may take a TIME_WAIT's port, on loopback only
mean-tw-reuse-delay = connect() may take a TIME_WAIT's port after { $time }
mean-rfc1337-0 = an RST ends a TIME_WAIT
mean-rfc1337-1 = an RST does not end a TIME_WAIT
mean-timestamps-0 = off: tcp_tw_reuse can't work
mean-timestamps-1 = on: tcp_tw_reuse can work, where the peer has them, too
mean-max-orphans = above { $count } orphans, new ones are reset
mean-orphan-retries = an orphan's FIN is given up after { $time } at the least
mean-retries2 = data without acknowledgement is given up after { $time } at the least
mean-syn-retries = connect() gives up after { $time }
mean-syn-linear-timeouts = { $count } SYNs more, 1 s apart
mean-synack-retries = a half-open connection is given up after { $time }
mean-max-syn-backlog = a listener takes SYNs of unknown peers up to { $count } half-open connections
mean-max-syn-backlog-cookies = of no effect while SYN cookies are on: a listener's backlog counts
mean-somaxconn = no listener's backlog is above { $count }
mean-syncookies-0 = never: a SYN flood keeps clients out
mean-syncookies-1 = when a listener's queue is full
mean-syncookies-2 = always: there is no SYN_RECV to see
mean-abort-on-overflow-0 = accept queue full: the third ACK is dropped, and the server tries again
mean-abort-on-overflow-1 = accept queue full: the client sees a reset
mean-port-range = { $ports } ports: about { $rate } connections a second to one destination, when this side closes them
mean-child-ehash-0 = new network namespaces share this connection hash
mean-child-ehash = new network namespaces get a hash of { $count } buckets
span-ms = { $ms } ms
span-s = { $s } s
span-min = { $min } min { $s } s
span-h = { $h } h { $min } min { $s } s

# Traps

warn-tw-reuse = does nothing, as tcp_timestamps is 0: set that to 1
warn-few-ports = only { $ports } ports: connect() fails beyond about { $rate } connections a second to one destination
warn-fin-timeout = { $value } is really { $seconds } s: between 60 and 120 it is 2 x (T - 60)
warn-tw-buckets = { $count } of { $most } TIME_WAITs are there: beyond that they are skipped
warn-rfc1337 = is not 0: RSTs don't end TIME_WAITs here, the other way round than often said
warn-abort-on-overflow = is not 0: when a program is slow to accept, its clients see resets
warn-syncookies = is 0: a SYN flood keeps clients out; 1 is safe
warn-cgroup = v1 is mounted here, alone or beside v2 (hybrid): of v2, which alone is told, processes are mostly in the root, which says nothing of them: their cgroup is null; systemd.unified_cgroup_hierarchy=1 on the kernel's command line makes systemd use v2 alone
warn-keepalive = { $idle } s are longer than what may stand in between remembers an idle connection: { $names }; if one does, set it below { $shortest } s, or TCP_KEEPIDLE in the program
warn-keepalive-products = { $first }, { $second }
warn-keepalive-product = { $product } ({ $seconds } s)
warn-backlog-waiting = listener { $name }: { $waiting } connections wait for accept(), its backlog is { $backlog }
warn-backlog-before = is { $most }, and listener { $name } has a backlog of { $backlog } from before: started again, it gets less
warn-backlog-all = is { $most }, and listener { $name } uses all of it: it may have asked for more

# What tracing needs

check-no-types = holds no types
check-no-command = { $error }, so tracing one COMMAND is not to be had
check-no-sock-diag = this kernel does not tell of TCP sockets ({ $error }): modprobe tcp_diag, or a kernel built with CONFIG_INET_TCP_DIAG; the sockets that are there already can't be known
check-no-sockets = { $error }; the sockets that are there already can't be known

# Around all of it

can-be-traced = Can this machine be traced? { $verdict }
yes = yes
in-part = in part
no = no
status-ok = ok
status-degraded = part
status-failed = FAILED
status-unknown = -
named = { $name }: { $text }
set-up = How TCP is set up in this network namespace
usually = { $setting } (default { $usual })
mark-changed = * not the default
mark-not-here = - not in this kernel or namespace
happened = What happened in it
mark-not-0 = * not 0
mark-trouble = ! not 0: worth a look
mark-not-in-kernel = - not in this kernel
to-know = To know
explain-tells-more = tcptrace explain NAME tells more about each of these
