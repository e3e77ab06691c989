# `tcptrace explain` 条目周围的文字。

# 条目的种类（标题）

topics = 主题
states = 状态
reasons = 原因
details = 原因的细节
verdicts = 对卡住的连接的诊断结论
settings = 设置
counters = 计数器
words = 术语
products = 其他程序及其设置

# 其中之一

topic = 主题
state = 状态
reason = 原因
detail = 原因的细节
verdict = 诊断结论
setting = 设置
counter = 计数器
word = 术语
product = 其他程序

# 条目的各部分

what-it-is = 是什么
what-it-does = 作用
what-it-means = 含义
how-it-goes = 过程
who-is-in-it = 谁处于这个状态
who-is-to-blame = 责任在谁
how-it-ends = 如何结束
how-long = 持续多久
when-many = 数量很多时
when-often = 经常出现时
what-to-do = 怎么办
where = 位置
default = 默认值
mind = 注意
see-also = 另见：{ $names }

# 列表与状态图

tells-more = tcptrace explain NAME 给出更多说明，例如：tcptrace explain time-wait
anywhere = 收到 RST，或者完全没有应答，几乎从任何状态都会进入 CLOSED。
closes-after = { $seconds } 秒：{ $product }，{ $setting }
forgets-after = { $seconds } 秒：{ $product }，{ $setting }（忘记）

# 状态之间的路径，写在相邻状态图旁边

way-connect = connect(): 发出 SYN
way-listen = listen()
way-syn-received = 收到 SYN
way-syns-crossed = 收到 SYN：双方同时打开
way-syn-ack-received = 收到 SYN+ACK
way-ack-received = 收到 ACK
way-closes = 本端先关闭：发出 FIN
way-peer-closes = 收到 FIN：对端先关闭
way-fin-acked = 收到 ACK
way-fin-received = 收到 FIN
way-fin-sent = 发出 FIN
way-time-over = 60 秒已过
