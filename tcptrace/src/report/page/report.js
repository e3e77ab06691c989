// What a script adds to a page that can be read without one: charts to look into, tables to sort,
// connections to choose from. It asks nobody for anything.
"use strict";
(() => {
  const read = id => JSON.parse(document.getElementById(id).textContent);
  const words = read("labels");
  const make = (name, text) => {
    const it = document.createElement(name);
    if (text !== undefined) it.textContent = text;
    return it;
  };
  const colour = name => {
    const it = document.createElement("span");
    it.className = name;
    document.body.append(it);
    const found = getComputedStyle(it).getPropertyValue("--colour").trim();
    it.remove();
    return found;
  };

  // A link to a connection opens it.
  const reveal = () => {
    const it = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!it) return;
    if (it.tagName === "DETAILS") it.open = true;
    if (it.closest("[hidden]")) clear();
    it.scrollIntoView();
    if (!it.hasAttribute("tabindex")) it.setAttribute("tabindex", "-1");
    it.focus({ preventScroll: true });
  };
  let clear = () => {};

  // Connections are chosen by their words.
  const choose = document.getElementById("choose");
  if (choose) {
    const lives = [...document.querySelectorAll("#lives .life, #lives .again")];
    const label = make("label", words.filter + " ");
    const input = make("input");
    input.type = "search";
    label.append(input);
    const none = make("p", words.none);
    none.hidden = true;
    none.setAttribute("role", "status");
    const filter = () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const kind of document.querySelectorAll("#lives .kind")) {
        const heading = kind.querySelector("h3").textContent.toLowerCase();
        let any = false;
        for (const it of kind.querySelectorAll(".life, .again")) {
          const line = it.querySelector("summary") || it;
          const text = heading + " " + line.textContent.toLowerCase();
          it.hidden = !wanted.every(word => text.includes(word));
          any ||= !it.hidden;
          shown += it.hidden ? 0 : 1;
        }
        kind.hidden = !any;
      }
      none.hidden = shown > 0;
    };
    input.addEventListener("input", filter);
    clear = () => {
      input.value = "";
      filter();
    };
    const all = (text, open) => {
      const button = make("button", text);
      button.type = "button";
      button.addEventListener("click", () => {
        for (const it of lives) if (it.tagName === "DETAILS" && !it.hidden) it.open = open;
      });
      return button;
    };
    choose.append(label, all(words.open, true), all(words.close, false), none);
  }
  addEventListener("hashchange", reveal);
  // A second click on the same link leads there once more.
  addEventListener("click", event => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) reveal();
  });

  // Tables are sorted by a column.
  const scale = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 };
  const value = cell => {
    const text = cell.textContent.trim();
    if (text === "-" || text === "") return -Infinity;
    const plain = text.replace(/[,%≥~<\s]/g, "");
    if (/^-?[\d.]+$/.test(plain)) return parseFloat(plain);
    const parts = [...plain.matchAll(/([\d.]+)(ns|µs|ms|s|m|h|d)/g)];
    if (parts.length && parts.map(it => it[0]).join("") === plain)
      return parts.reduce((sum, it) => sum + parseFloat(it[1]) * scale[it[2]], 0);
    return text;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      if (head.classList.contains("fixed")) return;
      const text = head.textContent;
      const button = make("button", text);
      button.type = "button";
      button.title = words.sort;
      head.textContent = "";
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort")
          ? head.getAttribute("aria-sort") === "ascending"
          : head.classList.contains("n");
        for (const it of heads) it.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map(row => [value(row.cells[at]), row]);
        rows.sort(([a], [b]) =>
          typeof a === "number" && typeof b === "number" ? (a === b ? 0 : a < b ? -1 : 1) : String(a).localeCompare(String(b)));
        if (down) rows.reverse();
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  // Charts are drawn anew: what is under the pointer is told, and a part can be looked into.
  const charts = [];
  const draw = figure => {
    const data = read("data-" + figure.dataset.chart);
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--quiet").trim();
    const line = style.getPropertyValue("--line").trim();
    const dashes = { "s-opening": [2, 3], "s-opening2": [2, 3], "s-first2": [6, 3], "s-last1": [6, 3], c2: [6, 3], c5: [6, 3], c3: [2, 3], c6: [2, 3] };
    const pad = n => String(n).padStart(2, "0");
    const time = s => {
      const it = new Date(s * 1000).toISOString();
      return it.slice(0, 10) + " " + it.slice(11, 23) + " UTC";
    };
    const rate = v => (v == null ? "-" : v >= 100 ? Math.round(v).toLocaleString("en") : String(+v.toPrecision(3)));
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const box = make("div");
    figure.querySelector("svg").after(box);
    const chart = new uPlot(
      {
        width: Math.max(280, figure.clientWidth),
        height: 260,
        padding: [8, 32, 0, 0],
        tzDate: s => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
        cursor: { drag: { x: true, y: false } },
        scales: { y: { range: (u, min, max) => [0, max > 0 ? max * 1.05 : 1] } },
        axes: [
          {
            ...axis,
            values: (u, splits, at, space, step) =>
              splits.map(s => {
                const it = new Date(s * 1000);
                const day = it.getUTCFullYear() + "-" + pad(it.getUTCMonth() + 1) + "-" + pad(it.getUTCDate());
                const clock = pad(it.getUTCHours()) + ":" + pad(it.getUTCMinutes());
                return step >= 86400 ? day : step >= 60 ? clock : clock + ":" + pad(it.getUTCSeconds());
              }),
          },
          { ...axis, size: 64, values: (u, splits) => splits.map(rate) },
        ],
        series: [
          { label: words.time, value: (u, s) => (s == null ? "-" : time(s)) },
          ...data.series.map(it => ({
            label: it.name,
            stroke: colour(it.class),
            width: 1.8,
            dash: dashes[it.class],
            paths: uPlot.paths.stepped({ align: 1 }),
            points: { show: false },
            value: (u, v) => rate(v) + (data.perSecond ? "/s" : ""),
          })),
        ],
      },
      [data.times, ...data.series.map(it => it.values)],
      box
    );
    charts.push({ figure, box, chart });
  };
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  for (const figure of figures) {
    const hint = make("p", words.whole);
    hint.className = "hint";
    figure.append(hint);
    figure.querySelector("svg").classList.add("plain");
    figure.querySelector(".legend").hidden = true;
  }
  const again = () => {
    for (const it of charts.splice(0)) {
      it.chart.destroy();
      it.box.remove();
    }
    figures.forEach(draw);
  };
  const printed = on => {
    for (const figure of figures) {
      figure.querySelector("svg.plain").toggleAttribute("hidden", !on);
      figure.querySelector(".legend").hidden = !on;
    }
    for (const it of charts) it.box.hidden = on;
  };
  again();
  printed(false);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    again();
    printed(false);
  });
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    for (const it of charts) it.chart.setSize({ width: Math.max(280, it.figure.clientWidth), height: 260 });
  });

  // On paper, everything is open, and drawn by what is there without a script.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const it of closed) it.open = true;
    printed(true);
  });
  addEventListener("afterprint", () => {
    for (const it of closed) it.open = false;
    printed(false);
  });
  reveal();
})();
