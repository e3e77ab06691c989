# 对卡住的连接的说明：看到了什么，该怎么办。

# 看到了什么

no-answer = 对端没有应答 SYN。
no-answer-full = 监听套接字就在这台机器上{ $whose }，它的全连接队列已满：{ $queue } 条连接在等待，backlog 为 { $backlog }。它丢弃了 SYN{ $dropped }。
no-answer-here = SYN 没有得到应答，尽管那里有监听套接字，就在这台机器上{ $whose }：全连接队列中有 { $queue } 条连接在等待，backlog 为 { $backlog }{ $dropped }。
whose-pid = （{ $name }，pid { $pid }）
whose = （{ $name }）
dropped-one = ；到现在为止它丢弃了 1 个报文段
dropped-many = ；到现在为止它丢弃了 { $count } 个报文段
not-sent = 没有发出 SYN：connect() 被推迟到第一次写数据时，而这个进程还没有写（TCP_FASTOPEN_CONNECT）。
half-open-both = 双方都发出了 SYN，但我们的 SYN 没有得到 ACK。
half-open = 客户端没有完成握手：我们的 SYN+ACK 没有得到 ACK{ $queues }{ $cookies }。
half-open-queues = 。这个端口上有 { $half-open } 条半连接，{ $queue } 条连接在等待 accept()，上限 { $backlog } 条
half-open-cookies = ；tcp_syncookies = { $value }
accept-queue-full = 全连接队列已满：{ $queue } 条连接在等待，backlog 为 { $backlog }。{ $why }，客户端的 ACK 被丢弃。
does-not-accept = 程序没有调用 accept()
out-of-descriptors = 程序最多可以打开 { $limit } 个文件描述符，已经全部用完，因此 accept() 失败
data-awaited = 客户端已经连上，但还没有发送数据；监听套接字要等到数据才接受连接（TCP_DEFER_ACCEPT）。
peer-silent-probes = 对端已有 { $time } 没有发来任何报文段，也没有应答窗口探测：{ $what }。
peer-silent-since = 对端已有 { $time } 没有发来任何报文段，发出的数据也没有被确认：{ $what }。
peer-silent = 对端没有确认已发出的数据：{ $what }。
not-acked-heard = 能收到对端的报文段，但它不确认已发出的数据：{ $what }。
not-acked = 对端没有确认{ $what }{ $window }。
not-acked-closing = 双方同时关闭，而对端没有确认{ $what }{ $window }。
not-acked-last = 对端先关闭，却没有确认{ $what }{ $window }。
our-fin = 我们的 FIN
data-and-fin = 已发出的数据：我们的 FIN 之前还有 { $what }
window-closed = ；它的窗口已关闭，也不应答窗口探测
zero-window = 对端关闭了窗口：它的程序不读数据，{ $what }在这里等待。
zero-window-fin = 对端关闭了窗口：它的程序不读数据，{ $what }和 FIN 在这里等待。
still-sending = FIN 之前还有 { $what }在发送，对端也在确认。
still-sending-half = 对端已经关闭了它的一侧，但仍然接收这个进程发送的数据：{ $what }。
fin-awaited = 本端已经关闭，对端也知道；对端还没有关闭{ $timer }。
fin-awaited-linger = 。它的定时器比 tcp_fin_timeout 所说的更长：这个套接字设了 TCP_LINGER2，或者关闭时这项设置是另一个值
fin-awaited-twice = 。tcp_fin_timeout = { $timeout } 实际上是 2 x ({ $timeout } - 60) = { $seconds } 秒
half-closed = 这个进程调用了 shutdown()，没有调用 close()，对端也没有关闭{ $unread }。{ $timer }。
half-closed-unread = ；还有 { $bytes }未读
only-keepalive = 只有保活定时器在运行
no-timer = 没有定时器在运行
not-closed = 对端已经关闭。这个进程读完了所有数据，直到对端的 FIN，却没有关闭{ $unsent }。
not-closed-over = 连接已经结束：{ $ended }。这个进程还没有关闭它的文件描述符。
not-read = 对端已经关闭，而这个进程没有察觉：它还没有读{ $what }{ $unsent }。
not-read-end = 流的末尾
not-read-bytes = { " " }{ $bytes }和流的末尾
not-read-all = 收到的全部数据
not-accepted = 对端建立了连接又关闭了，还没有进程接受它{ $queues }{ $exhausted }。
not-accepted-queues = ：全连接队列中有 { $queue } 条连接在等待，backlog 为 { $backlog }
and-then = 。{ $what }
and-also = ；{ $what }
shared = { $what }有 { $count } 个进程持有它（描述符是继承的，或者是传递过来的）：全部关闭之后，它才真正关闭。
shared-inherited = { $what }有 { $count } 个进程持有它（描述符是继承的）：全部关闭之后，它才真正关闭。

# 连接是如何结束的

ended-reset-by-peer = 对端重置了它
ended-reset-by-us = 本机重置了它
ended-timed-out = 对端没有应答，重传次数已用完
ended-keepalive = 对端没有应答保活探测
ended-killed = 它被强制结束（ss -K）
ended-refused = 对端拒绝了它
ended-unreachable = 无法到达对端
ended-unknown = 原因未知
ended-both = 双方都已关闭

# 在等待的数据

unacked-and-unsent = { $unacked }未确认、{ $unsent }未发送的数据
unacked = { $unacked }未确认的数据
unsent = { $unsent }未发送的数据
some-data = 一些数据
bytes = { $number ->
   *[other] { $count } 字节
}

# 怎么办

do-accept-faster = 不是防火墙的问题：监听套接字就在这台机器上。它的程序必须调用 accept()，或者它是不是停住了？加大 listen() 的 backlog 和 somaxconn，只对突发有用。
do-own-firewall = 监听套接字在这台机器上，而且现在有空位：是不是本机防火墙的规则丢弃了 SYN，或者 SYN 到来时队列已满？看下一个 SYN 就知道。
do-no-answer = 对端开着吗？地址对吗？是不是有防火墙丢弃了 SYN？程序可以更早放弃：给 connect() 设自己的超时，或者用 TCP_SYNCNT。
do-not-sent = 对端对此一无所知，也没有定时器在运行：程序必须写数据，或者关闭它。
do-half-open-both = 对端还在吗？是不是有防火墙丢弃了它发送的报文段？
do-half-open = SYN+ACK 能回到客户端吗（路由、防火墙）？如果有很多，而且来自各处，那就是 SYN 洪水攻击：tcp_syncookies = 1 能让真正的客户端连进来。
do-descriptors = accept() 会一直失败并报 EMFILE，直到程序关闭一些文件描述符，或者允许它打开更多：unit 的 LimitNOFILE=，或 ulimit -n。`tcptrace stuck -s closed,close-wait -p PID` 列出它忘记关闭的那些。
do-accept = 监听的程序必须更快地调用 accept()，或者它是不是停住了？加大 listen() 的 backlog 和 somaxconn，只对突发有用。
do-data-awaited = 等待服务器先说话的客户端会白等：去掉那个监听套接字的 TCP_DEFER_ACCEPT。否则不必管它。
do-peer-silent = 对端的机器没有了，还是链路断了，还是中间的防火墙或 NAT 丢弃了这条连接？TCP_USER_TIMEOUT 能让程序更早察觉。
do-not-acked-established = 小的报文段能到，大的也许到不了：路径上的 MTU 较小，而 ICMP 被过滤，没有人得知（tcp_mtu_probing 有帮助）。或者去的路不通，回来的路是通的。
do-not-acked-last = 对端或中间的防火墙已经忘记了这条连接，大多是因为本端关闭得太晚：看看它之前在 CLOSE_WAIT 停留了多久。
do-not-acked-closing = 对端还在吗？双方在同一时刻关闭：常常是因为两边的超时相同，请设成不同的值。
do-not-acked-owned = 对端还在吗？close() 会让它成为孤儿连接，更早被放弃：tcp_orphan_retries。
do-not-acked = 对端还在吗？中间的防火墙还记得这条连接吗？它会自己结束；这里没有任何进程持有它。
do-zero-window = 看看另一端的程序：它卡死了，或者读得太慢。
do-zero-window-fin = 看看另一端的程序：它卡死了，或者读得太慢。要丢掉剩下的数据：在 close() 之前设 SO_LINGER {"{"}1, 0{"}"}。
do-still-sending-half = 只要这个程序还有数据要发送，就没有问题；之后它必须调用 close()。
do-still-sending = 没有问题：网络或对端比较慢。等待即可。
do-fin-awaited = 另一端的程序没有关闭：到那边找 CLOSE_WAIT。这一端会自己结束。
do-half-closed = 只调用 shutdown()，如果对端不关闭，就会永远这样：这个程序必须调用 close()，或者设超时。tcp_fin_timeout 对此不起作用。
do-each-closes = 每个进程都必须关闭自己的文件描述符：fork() 之后，不处理这条连接的进程要立刻关闭它；不应被 exec() 继承的要设 SOCK_CLOEXEC。
do-close-descriptor = 不会再有数据到来：poll() 报告错误或结尾的，程序必须调用 close() 关闭。在那之前，每一个都占用一个文件描述符（上限见 ulimit -n）。
do-not-closed = 这个程序还在准备应答吗？对端可能只关闭了发送方向，在等应答。如果不是，它就是忘记了这条连接：read() 返回 0 时必须调用 close()。
do-not-read = 这个程序在忙别的事情，或者卡死了，或者忘记了这条连接：它必须用 read() 读到结尾，再调用 close()。

# 受什么限制，还要多久

governs = 由 { $setting } 决定
which-means-8 = { $setting }（意思是 8）
or-linger2 = { $setting }（或 TCP_LINGER2）
or-user-timeout = { $setting }（或 TCP_USER_TIMEOUT）
sent-again-of = 已重传 { $count } 次，最多 { $most } 次
sent-again = 已重传 { $count } 次
over-in = 大约 { $time } 后结束
no-setting-while = 只要对端还在应答，就没有设置限制它。
no-setting = 没有设置限制它。
parts = { $first }；{ $second }
ended-sentence = { $what }。
