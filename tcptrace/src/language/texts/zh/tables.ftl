# 表格中的词。

# 列的标题

heading-arrow-to = -> 到
heading-a-sec = 每秒
heading-age = 已有
heading-answered = 已应答
heading-close = 关闭
heading-closed = 已关闭
heading-complete = 已完成
heading-data = 传输
heading-dropped = 丢弃
heading-ended-by = 如何结束
heading-max = 最长
heading-p50 = P50
heading-p90 = P90
heading-p99 = P99
heading-failed = 失败
heading-fd = FD
heading-from-arrow-to = 从 -> 到
heading-half-open = 半连接
heading-handshakes = 握手
heading-held = 停留
heading-kind = 长短
heading-left = 剩余
heading-listener = 监听地址
heading-local = 本端
heading-made = 产生
heading-note = 备注
heading-minisocks = minisock
heading-orphans = 孤儿
heading-sockets = 套接字
heading-now = 现有
heading-of = 共有
heading-open = 打开
heading-ports = 端口
heading-process = 进程
heading-program = 程序
heading-reason = 原因
heading-recv-q = 收队列
heading-recvd = 已收
heading-remote = 对端
heading-run-out = 何时用尽
heading-runs-in = 运行于
heading-send-q = 发队列
heading-sent = 已发
heading-sent-again = 重传
heading-service = 服务
heading-settle-at = 稳定于
heading-short = 短连接
heading-state = 状态
heading-taken = 已占用
heading-time = 时间
heading-timer = 定时器
heading-time-waits = TIME_WAIT
heading-to = 目的地

# `top` 中列的标题

heading-all = 全部
heading-by = 向
heading-closer = 先关
heading-closewt = CLOSEWT
heading-closing = 关闭中
heading-come = 进入
heading-detail = 细节
heading-estab = ESTAB
heading-for = 停留
heading-from = 原状态
heading-half-below = 一半短于
heading-listens-at = 监听地址
heading-netns = NETNS
heading-opening = 建立中
heading-pid = PID
heading-timewt = TIMEWT
heading-verdict = 诊断结论
heading-whose = 归属
heading-why = 说明

# 状态转换的原因，最多 14 列

why-listen = 开始监听
why-listener-closed = 停止监听
why-connect = 发出 SYN
why-syn-received = 收到 SYN
why-simultaneous-open = SYN 交错
why-handshake-complete = 握手完成
why-fin-sent = 发出 FIN
why-fin-received = 收到 FIN
why-fin-acked = FIN 已确认
why-simultaneous-close = FIN 交错
why-expired = 到期
why-reused-by-syn = 被 SYN 复用
why-reused-by-connect = 被连接复用
why-overflow = TW 过多
why-fin-timeout = 没等到 FIN
why-refused = 被拒绝
why-unreachable = 不可达
why-timed-out = 超时
why-keepalive-timeout = 保活无应答
why-reset-by-peer = 对端重置
why-reset-by-us = 本端重置
why-killed = 被强制结束
why-unknown = 未知
why-detail-given-up = 已放弃
why-detail-no-free-port = 无空闲端口
why-detail-address-in-use = 地址被占用
why-detail-nothing-sent = 没有发送
why-detail-listener-gone = 监听已关闭
why-detail-netns-gone = netns 没有了
why-detail-seen-late = 看到得晚
why-detail-icmp = ICMP 错误
why-detail-repair = 修复模式

# 谁结束了连接，如何结束

ended-you = 本端：{ $what }
ended-peer = 对端：{ $what }
ended-both = 双方：{ $what }
ended-fin = FIN
ended-not-over = 未结束
ended-fin-not-over = FIN，未结束
ended-fin-peer-rst = FIN，对端 RST
ended-fin-you-rst = FIN，本端 RST
ended-fin-then = FIN，{ $why }
ended-killed = 强制结束
ended-icmp = ICMP
ended-keepalive = 保活失败
ended-no-fin = 无 FIN
ended-overflow = TW 过多
short = 短
long = 长
idle-before-peer = 对端关闭之前空闲了 { $time }：
idle-before-us = 本端关闭之前空闲了 { $time }：
or-timeout = { $first } 或 { $second }
timeout = { $product } { $setting } { $seconds } 秒

# `stats`

in-all = 总计：{ $what }
period = { $from } 至 { $to }（{ $length }），{ $count } 次状态转换
lost-events = 丢失了 { $count } 个事件：所有计数都偏小
nothing-at-all = 没有连接，也没有发生任何事
nothing-happened-unknown = 没有发生任何事；有哪些连接是未知的
nothing-seen = 没有连接，发生过的事也没有看到
nothing-seen-unknown = 发生过的事没有看到
and-more = 另有 { $count } 行
none = 无
unknown = 未知
group-transitions = （{ $count } 次状态转换）
too-many = 太多，无法全部区分：{ $lists }
connections-ended = 结束了 { $number ->
   *[other] { $count }
} 条连接
fin-of-each = 双方都发送了 FIN
time-wait-because = TIME_WAIT：{ $why }
handshakes-failed = { $number ->
   *[other] { $count }
} 次握手失败
makers-before = 之前留下的 TIME_WAIT，按产生者统计
makers = 产生了 { $number ->
   *[other] { $count }
} 个 TIME_WAIT，产生者
ports-taken = 占用的本地端口，按目的地统计
short-connections = 短连接（一两个请求），按服务统计
syns-received = 收到的 SYN，按监听地址统计
needed-again = 需要重传 SYN 或 SYN+ACK 的握手，按服务统计
to-service = 往
of-service = 本
run-out-in = { $time } 后
run-out-now = 现在
run-out-no = 不会
state-entered = 进入
state-left = 离开
state-now = 现有

# `list`

note-minisock = minisock
note-request = 请求
note-orphan = 孤儿
note-queued = 排队
note-dropped = 丢 { $count }
note-keepalive = ka { $time }
network-namespace = 网络命名空间 { $netns }
sum = 合计
