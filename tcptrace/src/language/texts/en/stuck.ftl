# What is said of a connection that does not go on: what is seen, and what to do.

# What is seen

no-answer = The peer does not answer the SYN.
no-answer-full = The listener is on this machine{ $whose }, and its accept queue is full: { $queue } wait, for a backlog of { $backlog }. It drops the SYN{ $dropped }.
no-answer-here = The SYN is not answered, though somebody listens there, on this machine{ $whose }: { $queue } wait in the accept queue, for a backlog of { $backlog }{ $dropped }.
whose-pid = { " " }({ $name }, pid { $pid })
whose = { " " }({ $name })
dropped-one = ; it has dropped 1 segment so far
dropped-many = ; it has dropped { $count } segments so far
not-sent = No SYN was sent: connect() was put off to the first write, and this process has not written (TCP_FASTOPEN_CONNECT).
half-open-both = Both sides sent a SYN, and the ACK of ours does not come.
half-open = The client does not complete the handshake: no ACK for our SYN+ACK{ $queues }{ $cookies }.
half-open-queues = . { $half-open } half open at this port, { $queue } of { $backlog } wait for accept()
half-open-cookies = ; tcp_syncookies = { $value }
accept-queue-full = The accept queue is full: { $queue } wait, for a backlog of { $backlog }. { $why }, and the client's ACK is dropped.
does-not-accept = The program does not accept()
out-of-descriptors = The program has all { $limit } descriptors that it may have open, so that accept() fails
data-awaited = The client is connected and has sent no data; the listener wants data before it accepts (TCP_DEFER_ACCEPT).
peer-silent-probes = Nothing has come from the peer for { $time }, nor an answer to window probes: { $what }.
peer-silent-since = Nothing has come from the peer for { $time }, and what was sent is not acknowledged: { $what }.
peer-silent = The peer does not acknowledge what was sent: { $what }.
not-acked-heard = The peer is heard, and does not acknowledge what was sent: { $what }.
not-acked = The peer does not acknowledge { $what }{ $window }.
not-acked-closing = Both sides closed at once, and the peer does not acknowledge { $what }{ $window }.
not-acked-last = The peer closed first, and does not acknowledge { $what }{ $window }.
our-fin = our FIN
data-and-fin = what was sent: { $what } in front of our FIN
window-closed = ; its window is closed, and it answers no probes
zero-window = The peer has closed its window: its program does not read, and { $what } wait here.
zero-window-fin = The peer has closed its window: its program does not read, and { $what } and the FIN wait here.
still-sending = { $what } still go out in front of the FIN, and the peer acknowledges them.
still-sending-half = The peer has closed its side, and still takes what this process sends: { $what }.
fin-awaited = This side has closed and the peer knows; the peer has not closed yet{ $timer }.
fin-awaited-linger = . Its timer runs longer than tcp_fin_timeout says: TCP_LINGER2 of that socket, or the setting was another when it closed
fin-awaited-twice = . tcp_fin_timeout = { $timeout } is really 2 x ({ $timeout } - 60) = { $seconds } s
half-closed = This process has called shutdown() and not close(), and the peer has not closed{ $unread }. { $timer }.
half-closed-unread = ; { $bytes } are unread
only-keepalive = Only keepalive's timer runs
no-timer = No timer runs
not-closed = The peer has closed. This process has read everything, up to the peer's FIN, and has not closed{ $unsent }.
not-closed-over = The connection is over: { $ended }. This process has not closed its descriptor.
not-read = The peer has closed, and this process does not notice: it has not read { $what }{ $unsent }.
not-read-end = the end of the stream
not-read-bytes = { $bytes } and the end of the stream
not-read-all = all that came
not-accepted = The peer has connected and closed, and no process has accepted it yet{ $queues }{ $exhausted }.
not-accepted-queues = : { $queue } wait in the accept queue, for a backlog of { $backlog }
and-then = . { $what }
and-also = ; { $what }
shared = { $what } { $count } processes hold it (its descriptor was inherited, or passed on): it is closed when all of them have.
shared-inherited = { $what } { $count } processes hold it (its descriptor was inherited): it is closed when all of them have.

# How a connection ended

ended-reset-by-peer = the peer has reset it
ended-reset-by-us = this machine has reset it
ended-timed-out = the peer did not answer, and its retransmissions are used up
ended-keepalive = the peer did not answer keepalive's probes
ended-killed = it was killed (ss -K)
ended-refused = the peer has refused it
ended-unreachable = the peer could not be reached
ended-unknown = why is not known
ended-both = both sides have shut it down

# What waits

unacked-and-unsent = { $unacked } unacknowledged and { $unsent } unsent
unacked = { $unacked } unacknowledged
unsent = { $unsent } unsent
some-data = data
bytes = { $number ->
    [1] 1 byte
   *[other] { $count } bytes
}

# What to do

do-accept-faster = No firewall is to blame: the listener is on this machine. Its program must call accept(), or is it stopped? A larger backlog in listen(), and somaxconn, help against bursts only.
do-own-firewall = The listener is on this machine, and has room now: does a rule of this machine's own firewall drop the SYNs, or was its queue full when they came? The next one tells.
do-no-answer = Is the peer up, is the address right, and does a firewall drop the SYNs? The program may give up sooner: a timeout of its own for connect(), or TCP_SYNCNT.
do-not-sent = The peer knows nothing of it, and no timer runs: the program must write, or close it.
do-half-open-both = Is the peer still there, and does a firewall drop what it sends?
do-half-open = Does the SYN+ACK find its way back (routes, firewalls)? Many of them from all over are a SYN flood: tcp_syncookies = 1 lets real clients in.
do-descriptors = accept() fails with EMFILE until the program closes descriptors, or may have more: LimitNOFILE= of its unit, or ulimit -n. `tcptrace stuck -s closed,close-wait -p PID` shows those that it has forgotten.
do-accept = The program that listens must call accept() faster, or is it stopped? A larger backlog in listen(), and somaxconn, help against bursts only.
do-data-awaited = A client that waits for the server to speak first waits in vain: take TCP_DEFER_ACCEPT off that listener. Otherwise leave it alone.
do-peer-silent = Has the peer's machine gone, or a link, or does a firewall or NAT in between drop the connection? TCP_USER_TIMEOUT makes a program notice sooner.
do-not-acked-established = Small segments come, large ones do not arrive, perhaps: an MTU on the way that nobody is told of, as ICMP is filtered (tcp_mtu_probing helps). Or the way there is broken, and the way back is not.
do-not-acked-last = The peer, or a firewall in between, has forgotten the connection, mostly as this side closed so late: look how long it was in CLOSE_WAIT before.
do-not-acked-closing = Is the peer still there? Both sides closed at the same moment: the same timeout on both is often the cause, give them different ones.
do-not-acked-owned = Is the peer still there? close() makes an orphan of it, which is given up sooner: tcp_orphan_retries.
do-not-acked = Is the peer still there, and does a firewall in between still know the connection? It ends by itself; nothing here holds it.
do-zero-window = Look at the program at the other end: it hangs, or reads too slowly.
do-zero-window-fin = Look at the program at the other end: it hangs, or reads too slowly. To throw the rest away: SO_LINGER {"{"}1, 0{"}"} before close().
do-still-sending-half = Nothing is wrong as long as this program has something to send; then it must close().
do-still-sending = Nothing is wrong: the network or the peer is slow. Wait.
do-fin-awaited = The program at the other end has not closed: look for CLOSE_WAIT there. This one ends by itself.
do-half-closed = shutdown() alone leaves it so for ever if the peer does not close: this program must close(), or have a timeout. tcp_fin_timeout does nothing about it.
do-each-closes = Each process must close its own descriptor: after fork(), the one that does not serve the connection closes it at once; what exec() should not inherit has SOCK_CLOEXEC.
do-close-descriptor = Nothing more can come: the program must close() what poll() reports an error or the end of. Until then each one takes a descriptor of its limit (ulimit -n).
do-not-closed = Does this program still work at an answer? The peer may have closed its sending side alone, and wait for one. If not, it has forgotten the connection: it must close() when read() gives 0.
do-not-read = This program is busy with something else, hangs, or has forgotten the connection: it must read() to the end, and close().

# What limits it, and how long still

governs = { $setting } governs it
which-means-8 = { $setting } (which means 8)
or-linger2 = { $setting } (or TCP_LINGER2)
or-user-timeout = { $setting } (or TCP_USER_TIMEOUT)
sent-again-of = sent again { $count } of { $most } times
sent-again = sent again { $count } times
over-in = over in about { $time }
no-setting-while = No setting limits it while the peer answers.
no-setting = No setting limits it.
parts = { $first }; { $second }
ended-sentence = { $what }.
