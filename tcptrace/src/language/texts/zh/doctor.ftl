# `tcptrace doctor` 的文字。

# 设置的值在这台机器上意味着什么

mean-fin-timeout = 孤儿连接的 FIN_WAIT2 在 { $seconds } 秒后结束；TIME_WAIT 与它无关
mean-keepalive = 打开 SO_KEEPALIVE 时，对端死亡后 { $time }被发现
mean-tw-buckets = 本端每秒可以先关闭 { $count } 条连接，再多就会跳过 TIME_WAIT
mean-tw-reuse-0 = connect() 不复用 TIME_WAIT 的端口
mean-tw-reuse-1 = connect() 可以复用 TIME_WAIT 的端口
mean-tw-reuse-2 = connect() 可以复用 TIME_WAIT 的端口，仅限回环接口
mean-tw-reuse-delay = { $time }之后，connect() 可以复用 TIME_WAIT 的端口
mean-rfc1337-0 = RST 会结束 TIME_WAIT
mean-rfc1337-1 = RST 不会结束 TIME_WAIT
mean-timestamps-0 = 关闭：tcp_tw_reuse 不起作用
mean-timestamps-1 = 打开：对端也有时间戳时，tcp_tw_reuse 才起作用
mean-max-orphans = 孤儿连接超过 { $count } 条时，新的会被重置
mean-orphan-retries = 孤儿连接的 FIN 至少 { $time }后被放弃
mean-retries2 = 没有得到确认的数据至少 { $time }后被放弃
mean-syn-retries = connect() 在 { $time }后放弃
mean-syn-linear-timeouts = 另外多发 { $count } 个 SYN，间隔 1 秒
mean-synack-retries = 半连接在 { $time }后被放弃
mean-max-syn-backlog = 监听套接字接收未知对端的 SYN，最多到 { $count } 条半连接
mean-max-syn-backlog-cookies = SYN cookie 打开时不起作用：以监听套接字的 backlog 为准
mean-somaxconn = 监听套接字的 backlog 不会超过 { $count }
mean-syncookies-0 = 从不：SYN 洪水攻击会让客户端连不进来
mean-syncookies-1 = 监听套接字的队列满时
mean-syncookies-2 = 总是：看不到 SYN_RECV
mean-abort-on-overflow-0 = 全连接队列满时：第三次握手的 ACK 被丢弃，服务器会再试
mean-abort-on-overflow-1 = 全连接队列满时：客户端看到连接被重置
mean-port-range = { $ports } 个端口：由本端先关闭时，到同一个目的地每秒约 { $rate } 条连接
mean-child-ehash-0 = 新的网络命名空间共用这个连接哈希表
mean-child-ehash = 新的网络命名空间得到 { $count } 个桶的哈希表
span-ms = { $ms } 毫秒
span-s = { $s } 秒
span-min = { $min } 分 { $s } 秒
span-h = { $h } 小时 { $min } 分 { $s } 秒

# 陷阱

warn-tw-reuse = 不起作用，因为 tcp_timestamps 为 0：请把它设为 1
warn-few-ports = 只有 { $ports } 个端口：到同一个目的地每秒超过约 { $rate } 条连接时，connect() 就会失败
warn-fin-timeout = { $value } 实际上是 { $seconds } 秒：在 60 和 120 之间，它是 2 x (T - 60)
warn-tw-buckets = 已有 { $count } 个 TIME_WAIT，上限 { $most } 个：超过之后会被跳过
warn-rfc1337 = 不为 0：RST 在这里不会结束 TIME_WAIT，与常见的说法正好相反
warn-abort-on-overflow = 不为 0：程序接受连接慢时，它的客户端会看到连接被重置
warn-syncookies = 为 0：SYN 洪水攻击会让客户端连不进来；1 是安全的
warn-cgroup = 这里挂载了 v1，单独使用或与 v2 并存（混合模式）：tcptrace 只说 v2，而进程在 v2 里大多在根下，说明不了什么：它们的控制组为 null；在内核命令行上加 systemd.unified_cgroup_hierarchy=1，可以让 systemd 只用 v2
warn-keepalive = { $idle } 秒，比中间设备记住空闲连接的时间更长：{ $names }；如果中间有这样的设备，请把它设到 { $shortest } 秒以下，或者在程序里用 TCP_KEEPIDLE
warn-keepalive-products = { $first }、{ $second }
warn-keepalive-product = { $product }（{ $seconds } 秒）
warn-backlog-waiting = 监听套接字 { $name }：有 { $waiting } 条连接在等待 accept()，它的 backlog 为 { $backlog }
warn-backlog-before = 为 { $most }，而监听套接字 { $name } 的 backlog 是之前的 { $backlog }：重新启动之后会变小
warn-backlog-all = 为 { $most }，监听套接字 { $name } 全部用上了：它要的可能更多

# 跟踪需要什么

check-no-types = 里面没有类型
check-no-command = { $error }，所以不能只跟踪一个 COMMAND
check-no-sock-diag = 此内核不提供 TCP 套接字的信息（{ $error }）：请执行 modprobe tcp_diag，或者使用打开了 CONFIG_INET_TCP_DIAG 的内核；无法知道已经存在的套接字
check-no-sockets = { $error }；无法知道已经存在的套接字

# 其余部分

can-be-traced = 这台机器能跟踪吗？{ $verdict }
yes = 能
in-part = 部分能
no = 不能
status-ok = 正常
status-degraded = 部分
status-failed = 失败
status-unknown = -
named = { $name }：{ $text }
set-up = 这个网络命名空间里 TCP 的设置
usually = { $setting }（默认 { $usual }）
mark-changed = * 不是默认值
mark-not-here = - 这个内核或命名空间里没有
happened = 这个网络命名空间里发生过什么
mark-not-0 = * 不为 0
mark-trouble = ! 不为 0：值得注意
mark-not-in-kernel = - 这个内核里没有
to-know = 需要知道
explain-tells-more = tcptrace explain NAME 给出每一项的更多说明
