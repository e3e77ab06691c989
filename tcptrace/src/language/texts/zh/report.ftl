# `tcptrace report` 页面的文字。方括号中的词会链接到其解释。状态、原因与设置的名称不翻译。

# Whole page

title = { $host } 上的 TCP
skip = 跳到正文
contents = 目录
all-times-utc = 所有时间均为 UTC。
table = 表格
drawing = 图
more-rows = 另有 { $count } 行未列出
more = 详情
more-about = 详情：{ $section }
unknown = 未知
nothing-read = 没有读到任何内容。
nothing-happened = 没有发生任何事，或没有发生所筛选的事。

# Overview

overview = 概览
tile-transitions = 状态转换
tile-opened = 开始的握手
tile-ended = 结束的连接
tile-time-waits = 产生的 TIME_WAIT
tile-established = 结束时处于 ESTABLISHED
tile-stuck = 卡住
tile-lost = 丢失的事件
per-second = { $rate }/秒
findings = 值得注意的情况
find-lost = 丢失了 { $count } 个事件：计数偏小，部分连接的信息不完整。
find-damaged = 录制内容有一部分无法读取。
find-forgotten = 同时打开的连接太多，有 { $count } 条连接被遗忘。
find-nothing = 这段时间里没有录到状态转换，或没有符合筛选条件的转换。
find-ports-soon = 照此下去，{ $time } 后本地端口将用尽。
find-ports-out = 本地端口已用尽。
find-stuck = { $count } 条连接卡住了。
find-reset-by-peer = { $count } 条连接（占已结束连接的 { $share }）被对端重置：[reset_by_peer]。
find-reset-by-us = { $count } 条连接（{ $share }）被本端重置：[reset_by_us]。
find-timed-out = { $count } 条连接（{ $share }）再也得不到应答：[timed_out]。
find-keepalive = { $count } 条连接（{ $share }）的保活探测没有应答：[keepalive_timeout]。
find-refused = { $count } 条连接（{ $share }）被拒绝：[refused]。
find-unreachable = { $count } 条连接（{ $share }）无法到达对端：[unreachable]。
find-overflow = TIME_WAIT 过多，跳过了 { $count } 个：[overflow]、[tcp_max_tw_buckets]。
find-fin-timeout = { $count } 个孤儿连接没有等到对端的 FIN：[fin_timeout]。
find-dropped = 监听队列已满，丢弃了 { $count } 个 SYN 或第三次握手的 ACK：[backlog]、[somaxconn]。
find-retried = { $count } 次握手重传了 SYN 或 SYN+ACK。
find-idle = { $count } 条连接在空闲了与某个常见超时一样长的时间后被关闭。
find-closers = 在已结束的连接中，{ $us } 由本端先关闭，{ $peer } 由对端先关闭：先关闭的一方进入 [TIME_WAIT]。

# What was traced

traced = 录制范围与丢失
pieces = 录制内容：两段之间发生了什么是未知的。
host = 主机
kernel = Linux
from = 起
to = 止
events = 事件
files = 文件
size = 大小
lost = 丢失
end = 结尾
piece-ended = 正常结束
piece-cut = 未正常结束：被终止，或仍在录制
anonymized = （地址和名称已匿名化）
read-in-part = 只读取了上述时间段；其外的丢失与变化不予列出。
asked-recording = 录制条件
asked-reading = 读取条件
asked-all = 全部
nothing-lost = 没有丢失事件。
losses = 事件丢失的位置
losses-mean = 丢失的事件不计入下面的任何数字，其后状态的时长也可能未知。
time = 时间
clocks = 时钟变化
clock = 情况
clock-suspended = 机器休眠了 { $time }
clock-back = 时钟被拨慢 { $time }
clock-forward = 时钟被拨快 { $time }
damage = 无法读取或只能读到某个字节的文件
damage-within = 录制内容中有一部分无法读取；其后的内容已尽可能给出。
file = 文件
byte = 可读到的字节
why = 原因
unseen = 该机器上看不到的内容
overflowed = 以下列表的空间不足以区分所有条目：{ $lists }。未能单列的仍计入状态与结束方式的总数。

# The state machine

machine = 状态机
machine-note = 每条路径走过的次数。箭头越粗，走得越多；红色表示从该状态因 RST、超时或错误直接进入 [CLOSED]。
machine-desc = 十一个状态及其间的转换，各附次数。下面的表格有同样的数字。
machine-now = 进入 { $entered }，现有 { $now }
machine-entered = 进入 { $entered }
machine-ended = 共 { $count }
machine-cut = { $count } → CLOSED
ways = 按原因统计的状态转换，最多的在前
ways-shown = 以表格显示：{ $count } 种路径与原因
way = 转换
reason = 原因
count = 次数
share = 占比

# Time in states

states = 各状态的停留时间
states-note = 离开某状态的连接在其中停留了多久。各直方图的时间刻度相同，次数刻度各自独立。
states-caption = 各状态，按连接的生命周期排列
state = 状态
entered = 进入
left = 离开
now = 现有
longest = 最长
histogram = 停留时间分布
histogram-says = { $count } 条连接的直方图：一半不超过 { $half }，百分之九十九不超过 { $most }。

# Rates

rates = 随时间变化的速率
rates-note = 每一级代表 { $width }。线条中断处表示情况未知。
rates-connections = 每秒连接数
rates-trouble = 每秒的 TIME_WAIT、重置与失败
rates-states = 每一级结束时处于各持续状态的连接数
chart-counts = 折线图：{ $lines }；从 { $from } 到 { $to } UTC，刻度上限为 { $most }。
rate-opened-here = 本端发起
rate-opened-by-peers = 对端发起
rate-ended = 结束
rate-time-waits = TIME_WAIT 开始
rate-resets = 因 RST 结束
rate-failures = 被拒绝、不可达或超时
rate-lost = 丢失的事件
rates-numbers = 以表格显示
rates-table = 每 { $width } 的计数
chart-says = 折线图：{ $lines }；从 { $from } 到 { $to } UTC，刻度上限为每秒 { $most }。下面的表格有具体数字。

# TIME_WAIT

time-waits = 谁产生了 TIME_WAIT
no-time-waits = 没有产生 [TIME_WAIT]。
makers-note = 先关闭的一方进入 [TIME_WAIT]。由本端发起的连接，其 TIME_WAIT 会占用一个本地端口，使其不能再用于同一目的地。
makers = 产生了 { $count } 个 TIME_WAIT，按程序与服务统计
program = 程序
service = 服务
direction = 方向
service-of-others = 去往该服务
service-here = 本机提供
made = 产生
per-s = 每秒
ports-held = 占用端口
time-wait-ends = 结束原因
services = 短连接（一两个请求），按服务统计：[long-short]
closed = 关闭
short = 短连接
time-waits-of-short = 短连接的 TIME_WAIT
time-waits-of-long = 其他连接的 TIME_WAIT

# Ends

ends = 谁先关闭，如何关闭
ends-note = graceful：双方各发一个 [FIN]；其余为原因。先关闭者是首先发送 FIN 或 RST 的一方；若无人发送或未被看到，则为未知。
nothing-ended = 没有连接结束。
closers = 连接的结束方式，按谁先关闭统计
how-ended = 方式
closer-us = 本端
closer-peer = 对端
closer-both = 双方同时
closer-unknown = 无人或未知
all = 合计
detail = 细节
end-details = 更具体的信息
failed-handshakes = 失败的握手

# Idle closes

idle = 空闲关闭，以及可能是谁的超时
no-idle = 没有连接在空闲了与某个常见超时一样长的时间后被关闭。
idle-note = 在一方首先关闭之前，没有数据的时间与某个常见超时相符的连接。可能正是所列的某一个，也可能只是巧合。恰在关闭之后到达的请求会遇到 RST：[idle-timeouts]。
idle-closes = 空闲时间与某个超时相符的关闭
idle-others = 另有 { $count } 条连接也是这样关闭的，但空间不足，未能单列。
closed-first = 先关闭
idle-before = 此前空闲
timeouts = 与之等长的超时

# Stuck

stuck = 卡住了的连接
nothing-stuck = 没有发现在不该久留的状态中停留过久的连接。
stuck-note = 由录制者查看套接字时发现：在本应短暂的状态中停留过久的连接、原因以及应对办法。每条连接在超时的那一刻报告一次。说明文字针对每类中的第一个。
connections-count = { $count } 条连接
stuck-all = 全部
stuck-first = 前 { $count } 个
connection = 连接
process = 进程
found-at = 发现时间
held = 停留
setting = 决定时长的设置
no-setting = 无
left-time = 当时剩余
at-the-end = 结束时
still-so = 依旧
no-more-so = 已不再

# Ports

ports = 本地端口
no-ports = connect() 所选范围内没有本地端口被占用，或该范围未知。
ports-unknown = 由于丢失了事件，结束时的情况未知。
ports-note = 结束时各目的地占用的端口：[ip_local_port_range]。当 TIME_WAIT 开始与结束的数量相等时达到稳定；connect() 可以接管的端口（[tcp_tw_reuse]）不计在内。
ports-caption = 占用本地端口最多的目的地
destination = 目的地
local-address = 本地地址
taken = 占用
available = 总数
in-time-wait = 处于 TIME_WAIT
grows = 每秒增长
settles = 稳定于
run-out = 用尽
run-out-in = { $time } 后
run-out-now = 现在
run-out-no = 不会

# Handshakes

handshakes = 握手
no-handshakes = 没有从头到尾都已知的握手完成。
handshakes-note = 对发起方，从 SYN 到应答（[SYN_SENT]）；对另一方，从 SYN 到第三次握手的 ACK（[SYN_RECV]）。耗时一秒以上的，大多重传过报文段：[handshake]。
slowest = { $all } 次握手中最慢的 { $count } 次
took = 耗时
waited-in = 等待于
opened-at = 发起时间
sent-again = 重传
retried = 重传过 SYN 或 SYN+ACK 的握手，按服务统计
handshakes-count = 握手
failed = 失败
listeners = 收到的 SYN，按监听地址统计
listener = 监听地址
answered = 已应答
complete = 完成
dropped = 丢弃
half-open = 现有半连接

# Connections

connections = 值得关注的连接
no-connections = 没有需要逐个查看的连接。
connections-note = 每类只列出少数几个，各附全部状态转换。条形中，状态的宽度与停留时间成正比；极短的也画得可见，未知的用淡色表示。
life-reset-by-peer = 被对端重置：[reset_by_peer]
life-reset-by-us = 被本端重置：[reset_by_us]
life-timed-out = 再也得不到应答：[timed_out]
life-keepalive = 保活探测没有应答：[keepalive_timeout]
life-refused = 被拒绝：[refused]
life-unreachable = 无法到达对端：[unreachable]
life-overflow = 跳过了 TIME_WAIT：[overflow]
life-fin-timeout = 对端的 FIN 一直没有到来：[fin_timeout]
life-killed = 被外力结束：[killed]
life-not-over = 结束时仍在建立或关闭途中
life-handshake = 最慢的握手：[handshake]
life-fin-wait2 = 在 [FIN_WAIT2] 停留最久
life-close-wait = 在 [CLOSE_WAIT] 停留最久
life-time-wait = 在 [TIME_WAIT] 停留最久
life-resent = 重传报文段最多
measure-lasted = { $all } 个中持续最久的 { $shown } 个
measure-waits = { $all } 个中等待最久的 { $shown } 个
measure-slowest = { $all } 个中最慢的 { $shown } 个
measure-longest = { $all } 个中最久的 { $shown } 个
measure-most = { $all } 个中最多的 { $shown } 个
not-over = 未结束
told-above = （见上文）
timeline-says = 时间线：{ $states }。
transitions = 状态转换
before = 此前
bytes = { $count } 字节
handshake-took = 握手耗时
sent = 发送
received = 接收
srtt = 往返时间
runs-in = 运行于
netns = 网络命名空间
cookie = Cookie
begun = 开始
before-recording = 在录制开始之前，或在丢失事件之前

# Explanations

explained = 术语解释
explained-note = 本页提到的每个状态、原因、诊断结论与设置。更多内容见 tcptrace explain。
about = 关于本页
about-note = 由 tcptrace { $version } 生成。本页不会向任何其他机器请求内容：其策略禁止这样做。

# What the script says

script-filter = 只显示含有这些词的连接：
script-none = 没有同时包含这些词的连接。
script-open = 全部展开
script-close = 全部收起
script-whole = 拖动选择一段以放大，双击恢复全图。点击名称可隐藏一条线。
script-time = 时间
script-sort = 按此列排序
