# `tcptrace top` 的屏幕。

# 标签页

tab-machine = 状态机
tab-connections = 连接
tab-processes = 进程
tab-remotes = 对端
tab-listeners = 监听套接字
tab-stuck = 卡住
tab-ends = 结束

# 第一行

replay-stands = 停住
replay-speed = { $speed } 倍速
screen-held = 已停住，此后 { $count } 次状态转换
alarm-lost = 丢失 { $count } 个事件
alarm-forgotten = 忘记 { $count } 条连接
alarm-ports = 到 { $destination } 的端口占用 { $percent } %
alarm-ports-soon = 到 { $destination } 的端口占用 { $percent } %，{ $seconds } 秒后用完
alarm-overflow = 跳过 TIME_WAIT { $rate }
alarm-stuck = { $count } 条卡住
alarm-resets = 重置 { $rate }
alarm-failures = 失败 { $rate }

# 最后一行：按键的名字，以及它们做什么

keys-rows = ? 按键  q 退出  / 搜索  enter 打开  x 解释  space 停住  < > 排序  w 写出
keys-recording = ? 按键  q 退出  left right 时间  [ ] 事件  p 播放  / 搜索  enter 打开
keys-page = esc 返回  x 解释  up down 滚动  q 退出
rows-first = 前 { $shown } 行，共 { $all } 行

# 没有行的时候

nothing-found = 没有符合搜索的内容。
nothing-yet = 目前还没有内容。

# 单元格中的词

cell-out = 出
cell-in = 入
cell-local = 本端
cell-remote = 对端
cell-both = 双方

# 状态机

machine-half-below = 一半短于 { $time }
machine-ways = 路径，走得最多的在前

# 搜索中写错的词

search-wrong = { $word }：{ $why }
search-not-alone = 它必须放在一个词的前面
search-without-value = 冒号后面缺少内容
search-words = 可用的词是 state: port: addr: local-port: remote-port: local-addr: remote-addr: comm: pid: uid: netns: container: pod: unit:
search-no-such-thing = 没有这样的东西

# 提示，显示到按下一个键为止

notice-no-past = 只有录制才能回到过去：top -r PATH
notice-no-connection = 这一行不对应单独一条连接，没有可看的经历
notice-not-explained = 没有关于 { $word } 的解释
notice-written = 已将 { $count } 行写入 { $name }
notice-not-written = 无法写入 { $name }：{ $error }

# 按键做什么

help-title = 按键
help-search = 搜索由空格隔开的词组成：{ $words }；词的前面加 not 表示相反。
key-up = 上移一行
key-down = 下移一行
key-page-up = 上移一页
key-page-down = 下移一页
key-first = 到第一行
key-last = 到最后一行
key-next-tab = 到下一个标签页；1 到 7 直达各页
key-tab-before = 到上一个标签页
key-sort-right = 按右边一列排序
key-sort-left = 按左边一列排序
key-reverse = 反过来排序
key-search = 显示哪些行：state:time-wait not port:443
key-open = 这条连接的经历
key-explain = 解释光标所在之处
key-back = 返回
key-freeze = 停住屏幕，或继续
key-write = 将所显示的写成 JSON，每行一条
key-earlier = 录制：更早
key-later = 录制：更晚
key-event-before = 录制：到上一个事件
key-next-event = 录制：到下一个事件
key-play = 录制：播放，或停住
key-faster = 录制：播放得更快，最多 100 倍
key-slower = 录制：播放得更慢
key-redraw = 全部重画
key-suspend = 转入后台
key-help = 这些按键
key-quit = 退出

# 一条连接的经历

life-title = 一条连接的经历
life-nothing-seen = 还没有看到它发生过任何事。
life-sides = 发起：{ $opener }，先关闭：{ $closer }
life-opener-unknown = -（未知）
life-this-side = 本端
life-peer = 对端
life-both = 双方
life-nobody = 据目前所知还没有
life-socket = cookie { $cookie }，网络命名空间 { $netns }
life-process-unknown = 进程：-（未知）
life-process = 进程：{ $process }
life-thread = ，线程 { $name }
life-user = ，用户 { $uid }
life-name-and-pid = { $name }（{ $pid }）
life-container = 容器 { $name }
life-container-id = （{ $id }）
life-image = ，镜像 { $image }
life-runtime = ，由 { $runtime } 运行
life-pod = pod { $name }
life-unit = unit { $name }
life-cgroup = 控制组 { $path }
life-comma = ，
life-holders = 持有它的进程：{ $names }
life-no-holder = 没有进程持有它
life-now-in = 现在处于
life-for = ，已停留 { $time }
life-over = 它已经结束。
life-measured = 最后一次状态转换时：已发送并得到确认 { $acked }，已收到 { $received }，重传 { $again } 个报文段，往返时间 { $rtt }，已空闲 { $idle }
life-stuck = 它卡住了：{ $verdict }
life-cut = … 更早的已不记得
life-after = { $time } 后
life-by-thread = 由线程 { $name }
