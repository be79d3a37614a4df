// The report's program: sortable tables, filters, strips and charts from the JSON in the page. Names come from strangers:
// they reach the page as text (textContent) or with their angle brackets escaped (Plotly), never as markup.
(async () => {
  const opened = text => {
    const packed = Uint8Array.from(atob(text.trim()), character => character.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  const unpacked = element => opened(element.textContent).text();

  const stored = document.getElementById("report-data");
  const data = JSON.parse(stored.type === "application/json" ? stored.textContent : await unpacked(stored));
  const FIRST_ROWS = 15;
  const TOP = 10;
  const SCALE = [[112, 20, 24], [226, 124, 58], [150, 205, 250]]; // ever lighter: read in gray, too
  const FONT = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", size: 12, color: "#33415c" };
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] };
  const POLAR = { ...CONFIG, modeBarButtons: [["toImage"]] };
  const waiting = [];
  data.parts.forEach(part => { part.shown = new Set(part.trackers.keys()); part.listeners = []; });

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const plain = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const suffix = part => (part.sample ? " (sample)" : "");

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") element.textContent = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function fill(select, pairs, chosen) {
    select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, text })));
    if (chosen !== undefined) select.value = chosen;
  }

  const printed = (metric, value) => (value === null || value === undefined ? "-" : (value * metric.scale).toFixed(metric.decimals));

  const explore = makeExplorer({ data, stills: JSON.parse(one("#report-stills").textContent), all, one, make, swatch, unpacked: text => opened(text).arrayBuffer() });

  // ---- tables ---------------------------------------------------------------------------------------------------------

  function heading(cell, onClick) {
    const button = make("button", { type: "button" });
    button.append(...cell.childNodes);
    cell.replaceChildren(button);
    button.addEventListener("click", onClick);
  }

  function compare(a, b, direction) {
    const missing = value => value === null || value === undefined || value === "" || Number.isNaN(value);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return order * direction;
  }

  function mark(headings, index, direction) {
    headings.forEach((cell, place) => {
      if (place === index) cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
  }

  function sortable(table) {
    const headings = all("thead th", table);
    headings.forEach((cell, index) => {
      const numbers = cell.classList.contains("right");
      heading(cell, () => {
        const now = cell.getAttribute("aria-sort");
        const direction = now ? (now === "ascending" ? -1 : 1) : numbers ? -1 : 1;
        const body = one("tbody", table);
        const key = row => {
          const found = row.children[index];
          return found.dataset.sort === undefined ? found.textContent.trim() : Number(found.dataset.sort);
        };
        body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b), direction)));
        mark(headings, index, direction);
      });
    });
  }

  function attributeTable(part, section, metric) {
    const table = one("[data-attribute-table]", section);
    const { codes, sizes, values } = part.attributes;
    const head = make("tr", {}, make("th", { scope: "col", text: "Attribute" }), make("th", { scope: "col", class: "right", text: "Sequences" }));
    const shown = [...part.shown];
    head.append(...shown.map(index => make("th", { scope: "col", class: "right", text: part.trackers[index].name })));
    const rows = codes.map((code, place) => {
      const line = shown.map(tracker => values[metric.key][tracker][place]);
      const best = Math.max(...line.filter(value => value !== null));
      const cells = line.map(value => make("td", {
        class: shown.length > 1 && value === best ? "right first" : "right", "data-sort": value === null ? -1 : value, text: printed(metric, value),
      }));
      return make("tr", {}, make("th", { scope: "row", text: code }), make("td", { class: "right", "data-sort": sizes[place], text: sizes[place] }), ...cells);
    });
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    sortable(table);
  }

  function sequenceTable(part, section, partNumber) {
    const { names, frames, codes, tags, keys, values } = part.sequences;
    const metrics = part.metrics.filter(metric => keys.includes(metric.key));
    const state = { metric: metrics.find(metric => metric.key === part.leading) || metrics[0], text: "", tag: -1, limit: FIRST_ROWS, column: "mean", direction: 1 };
    const table = one("[data-sequence-table]", section);
    const more = one("[data-sequence-more]", section);
    const several = part.trackers.length > 1;
    const value = (tracker, row) => values[state.metric.key][tracker][row];
    const mean = row => {
      const known = part.trackers.map((_, tracker) => value(tracker, row)).filter(found => found !== null);
      return known.length ? known.reduce((sum, found) => sum + found, 0) / known.length : null;
    };
    const columns = () => [
      { id: "name", label: "Sequence", of: row => names[row] },
      { id: "frames", label: "Frames", of: row => frames[row] },
      ...(codes.length ? [{ id: "tags", label: "Attributes", of: row => tags[row].map(tag => codes[tag]).join(", ") }] : []),
      ...(several ? [{ id: "mean", label: "Mean", of: mean, heat: true }] : []),
      ...[...part.shown].map(index => ({ id: `t${index}`, label: part.trackers[index].name, of: row => value(index, row), heat: true })),
    ];
    if (!several) state.column = "t0";

    function cell(column, row) {
      const found = column.of(row);
      if (column.id === "name") {
        if (!part.clips[row]) return make("th", { scope: "row", text: found, title: found });
        const button = make("button", { type: "button", class: "link", text: found, title: `${found}: frames and boxes` });
        button.addEventListener("click", () => explore(partNumber, row, 0, state.rows));
        return make("th", { scope: "row" }, button);
      }
      if (column.id === "tags") return make("td", { class: "tags", text: found });
      if (!column.heat) return make("td", { text: found.toLocaleString("en") });
      const known = found !== null;
      const shown = make("td", { class: "score", text: printed(state.metric, known ? found / 10000 : null) });
      if (known) shown.style.setProperty("--share", `${(4 + 34 * Math.min(1, found / 10000)).toFixed(1)}%`);
      return shown;
    }

    function show() {
      const listed = columns();
      const order = listed.find(column => column.id === state.column) || listed[0];
      const chosen = names.map((_, row) => row)
        .filter(row => names[row].toLowerCase().includes(state.text) && (state.tag < 0 || tags[row].includes(state.tag)))
        .sort((a, b) => compare(order.of(a), order.of(b), state.direction));
      state.rows = chosen;
      const head = make("tr", {}, ...listed.map(column => {
        const found = make("th", { scope: "col", class: column.id === "tags" ? "tags" : column.id === "name" ? "" : "right", text: column.label });
        heading(found, () => {
          state.direction = state.column === column.id ? -state.direction : 1;
          state.column = column.id;
          show();
        });
        return found;
      }));
      mark([...head.children], listed.indexOf(order), state.direction);
      table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...chosen.slice(0, state.limit).map(row => make("tr", {}, ...listed.map(column => cell(column, row))))));
      one("[data-sequence-count]", section).textContent = `${chosen.length} of ${names.length} sequences`;
      more.hidden = chosen.length <= state.limit;
      more.textContent = `Show all ${chosen.length}`;
    }

    const metricChoice = one("[data-sequence-metric]", section);
    fill(metricChoice, metrics.map(metric => [metric.key, metric.label]), state.metric.key);
    metricChoice.addEventListener("change", () => { state.metric = metrics.find(metric => metric.key === metricChoice.value); show(); });
    one("[data-sequence-filter]", section).addEventListener("input", event => { state.text = event.target.value.trim().toLowerCase(); show(); });
    const tagChoice = one("[data-sequence-attribute]", section);
    one("[data-attribute-choice]", section).hidden = !codes.length;
    fill(tagChoice, [[-1, "any"], ...codes.map((code, place) => [place, code])]);
    tagChoice.addEventListener("change", () => { state.tag = Number(tagChoice.value); show(); });
    more.addEventListener("click", () => { state.limit = Infinity; show(); });
    part.listeners.push(show);
    show();
  }

  // ---- strips ---------------------------------------------------------------------------------------------------------

  function shade(character) {
    const place = Number(character) / 9 * (SCALE.length - 1);
    const low = Math.min(Math.floor(place), SCALE.length - 2);
    return SCALE[low].map((start, channel) => Math.round(start + (SCALE[low + 1][channel] - start) * (place - low)));
  }

  all(".scale").forEach(scale => { scale.style.background = `linear-gradient(90deg, ${SCALE.map(color => `rgb(${color})`)})`; });

  function strips(part, section) {
    for (const box of all("[data-strips]", section)) {
      box.replaceChildren();
      part.hard[Number(box.dataset.strips)].strips.forEach((text, tracker) => {
        if (!text || !part.shown.has(tracker)) return;
        const name = part.trackers[tracker].name;
        const canvas = make("canvas", { width: text.length, height: 1, role: "img", "aria-label": `overlap of ${name} over time` });
        const pen = canvas.getContext("2d");
        [...text].forEach((character, column) => {
          if (character === "-") return; // the stripes behind
          pen.fillStyle = `rgb(${shade(character).join(",")})`;
          pen.fillRect(column, 0, 1, 1);
        });
        box.append(make("span", { text: name, title: name }), canvas);
      });
    }
  }

  // ---- charts ---------------------------------------------------------------------------------------------------------

  const later = (element, draw) => { waiting.push({ element, draw }); };

  function layout(more = {}) {
    const axis = { gridcolor: "#e8ecf2", zerolinecolor: "#cbd5e1", linecolor: "#cbd5e1", automargin: true, fixedrange: false };
    return {
      font: FONT, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      margin: { l: 48, r: 12, t: 12, b: 44 }, hovermode: "closest", dragmode: false,
      modebar: { bgcolor: "rgba(255,255,255,0.7)", color: "#94a3b8", activecolor: "#1d4ed8" },
      hoverlabel: { bgcolor: "#ffffff", bordercolor: "#cbd5e1", font: { color: "#16202e", size: 12 } },
      ...more, xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
    };
  }

  const lineOf = (tracker, extra = {}) => ({ color: tracker.color, dash: tracker.dash, width: 2.2, ...extra });
  const title = text => ({ text: plain(text), standoff: 8 });

  function curve(part, description) {
    const known = description.lines.filter(line => line);
    const traces = part.trackers.map((tracker, index) => {
      const line = description.lines[index] || [[], []];
      return { type: "scatter", mode: "lines", name: plain(tracker.name), x: line[0] || known[0][0], y: line[1], line: lineOf(tracker), hoverlabel: { namelength: 24 }, hovertemplate: "%{y:.3f}" };
    });
    const xs = known.flatMap(line => line[0] || []);
    const shapes = description.mark === null ? [] : [{ type: "line", x0: description.mark, x1: description.mark, y0: 0, y1: 1, line: { color: "#94a3b8", width: 1, dash: "dot" } }];
    if (description.name === "precision_recall") {
      for (const f of [0.2, 0.4, 0.6, 0.8]) {
        const recall = Array.from({ length: 60 }, (_, step) => f / (2 - f) + (1 - f / (2 - f)) * step / 59);
        traces.push({ type: "scatter", mode: "lines", name: `F = ${f}`, x: recall, y: recall.map(r => f * r / (2 * r - f)), line: { color: "#d5dbe5", width: 1 }, hoverinfo: "skip" });
      }
    }
    const unified = description.name === "precision_recall" ? "closest" : "x unified";
    return [traces, layout({
      hovermode: unified, shapes,
      xaxis: { title: title(description.x_label), range: description.name === "precision_recall" ? [0, 1] : [Math.min(...xs), Math.max(...xs)] },
      yaxis: { title: title(description.y_label), range: [0, 1.01] },
    })];
  }

  function radar(part, metric) {
    const { codes, values } = part.attributes;
    const traces = part.trackers.map((tracker, index) => ({
      type: "scatterpolar", mode: "lines+markers", name: plain(tracker.name), theta: [...codes, codes[0]].map(plain),
      r: [...values[metric.key][index], values[metric.key][index][0]].map(value => (value === null ? null : value * metric.scale)),
      line: lineOf(tracker, { width: 2 }), marker: { size: 6, symbol: tracker.symbol, color: tracker.color }, hovertemplate: `%{theta}: %{r:.${metric.decimals}f}`, hoverlabel: { namelength: 24 },
    }));
    return [traces, layout({
      margin: { l: 44, r: 44, t: 26, b: 26 },
      polar: {
        bgcolor: "rgba(0,0,0,0)", angularaxis: { direction: "clockwise", rotation: 90, gridcolor: "#e8ecf2", linecolor: "#cbd5e1" },
        radialaxis: { nticks: 6, rangemode: "tozero", gridcolor: "#e8ecf2", linecolor: "#cbd5e1", angle: 90, tickangle: 90, tickfont: { size: 10, color: "#7b8798" } },
      },
    })];
  }

  function difference(part, metric, first, second) {
    const rows = part.sequences.names
      .map((name, row) => [name, part.sequences.values[metric.key][first][row], part.sequences.values[metric.key][second][row]])
      .filter(([, a, b]) => a !== null && b !== null)
      .map(([name, a, b]) => [name, (a - b) / 10000 * metric.scale])
      .sort((a, b) => b[1] - a[1]);
    const side = sign => ({
      type: "bar", x: rows.map((_, place) => place + 1), y: rows.map(([, gap]) => (gap * sign > 0 ? gap : null)),
      text: rows.map(([name]) => plain(name)), customdata: rows.map(([name]) => name), textposition: "none", hovertemplate: `%{text}<br>%{y:+.${metric.decimals}f}<extra></extra>`,
      marker: { color: part.trackers[sign > 0 ? first : second].color, pattern: sign > 0 || rows.length > 80 ? {} : { shape: "/", fillmode: "overlay", size: 6, solidity: 0.25, fgcolor: "#ffffff" } },
    });
    const count = test => rows.filter(([, gap]) => test(gap)).length;
    const [a, b] = [part.trackers[first].name, part.trackers[second].name];
    const summary = `${a} better on ${count(gap => gap > 0)}, ${b} on ${count(gap => gap < 0)}, equal on ${count(gap => gap === 0)}`;
    return [[side(1), side(-1)], layout({
      bargap: 0.08, barmode: "overlay", xaxis: { title: title(`${rows.length} sequences, sorted by the difference`), range: [0.4, Math.max(rows.length, 12) + 0.6], showgrid: false, showticklabels: false },
      yaxis: { title: title(`${metric.label}, first minus second`) },
    }), summary];
  }

  function speed(part) {
    const metric = part.metrics.find(found => found.key === part.leading);
    const traces = part.trackers.map((tracker, index) => [tracker, part.speeds[index], part.scores[part.leading][index]])
      .filter(([, fps, value]) => fps !== null && value !== null)
      .map(([tracker, fps, value]) => ({
        type: "scatter", mode: "markers+text", name: plain(tracker.name), text: [plain(tracker.name)], textposition: "top center", x: [fps], y: [value * metric.scale],
        marker: { size: 14, symbol: tracker.symbol, color: tracker.color, line: { color: "#ffffff", width: 1 } }, hovertemplate: `%{x:.1f} frames/s, %{y:.${metric.decimals}f}`, cliponaxis: false,
      }));
    return [traces, layout({ xaxis: { title: title("Frames per second (log scale)"), type: "log", tickvals: [1, 10, 100, 1000].flatMap(unit => [unit, 2 * unit, 5 * unit]) }, yaxis: { title: title(`${metric.label} on ${part.title}`), rangemode: "tozero" } })];
  }

  // ---- sections -------------------------------------------------------------------------------------------------------

  const draw = (element, [traces, design]) => window.Plotly.react(element, traces, design, design.polar ? POLAR : CONFIG);
  const redraw = (element, chart) => { if (element.dataset.drawn) draw(element, chart); };

  function swatch(tracker) {
    const [picture, use] = ["svg", "use"].map(tag => document.createElementNS("http://www.w3.org/2000/svg", tag));
    picture.setAttribute("class", "swatch");
    picture.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#s${tracker.swatch}`);
    picture.append(use);
    return picture;
  }

  // charts of a part show the trackers that the filter leaves and no click on the legend has hidden
  function legend(part, section, linked) {
    const box = one("[data-legend]", section);
    const hidden = new Set();
    const buttons = part.trackers.map((tracker, index) => {
      const button = make("button", { type: "button", "aria-pressed": "true", title: "click: hide or show; double click: this one alone" }, swatch(tracker), make("span", { text: tracker.name }));
      button.addEventListener("click", () => { if (!hidden.delete(index)) hidden.add(index); apply(); });
      button.addEventListener("dblclick", () => {
        const alone = hidden.size === part.trackers.length - 1 && !hidden.has(index);
        hidden.clear();
        if (!alone) part.trackers.forEach((_, other) => { if (other !== index) hidden.add(other); });
        apply();
      });
      return button;
    });
    function apply() {
      buttons.forEach((button, index) => {
        button.setAttribute("aria-pressed", String(!hidden.has(index)));
        button.hidden = !part.shown.has(index);
      });
      const places = part.trackers.map((_, index) => index);
      for (const element of linked) {
        if (element.dataset.drawn) window.Plotly.restyle(element, { visible: places.map(index => part.shown.has(index) && !hidden.has(index)) }, places);
      }
    }
    box.append(...buttons);
    part.listeners.push(apply);
    apply();
    return apply;
  }

  // ---- which trackers -------------------------------------------------------------------------------------------------

  function choose(top, text) {
    for (const part of data.parts) {
      const found = part.trackers.map((_, index) => index).filter(index => part.trackers[index].name.toLowerCase().includes(text));
      part.shown = new Set(found.slice(0, top));
    }
  }

  function trackerFilter() {
    const [topChoice, filter, count] = [one("[data-top]"), one("[data-tracker-filter]"), one("[data-tracker-count]")];
    const most = Math.max(...data.parts.map(part => part.trackers.length));
    const tops = [5, 10, 20, 50].filter(top => top < most);
    fill(topChoice, [...tops.map(top => [top, `best ${top} of each benchmark`]), [most, "all"]], most > TOP ? TOP : most);
    const apply = () => {
      choose(Number(topChoice.value), filter.value.trim().toLowerCase());
      data.parts.forEach((part, number) => {
        [...one(`[data-forest="${number}"]`).children].forEach((row, index) => { row.hidden = !part.shown.has(index); });
        const more = one(`[data-forest-more="${number}"]`);
        if (more) more.hidden = part.shown.size === part.trackers.length;
        if (more) more.firstChild.textContent = `${part.shown.size} of ${part.trackers.length} trackers; all are in the `;
        part.listeners.forEach(listener => listener());
      });
      const names = new Set(data.parts.flatMap(part => [...part.shown].map(index => part.trackers[index].name)));
      count.textContent = `${names.size} tracker${names.size === 1 ? "" : "s"} in charts, tables per sequence and explorer`;
    };
    topChoice.addEventListener("change", apply);
    filter.addEventListener("input", apply);
    apply();
  }

  function section(part, box, number) {
    const linked = [];
    const apply = legend(part, box, linked);
    for (const description of part.curves) {
      const chart = make("div", { class: "chart", "data-chart": description.name });
      one("[data-curves]", box).append(make("figure", { class: "panel" }, make("figcaption", { text: description.title + suffix(part) }), chart));
      linked.push(chart);
      later(chart, () => draw(chart, curve(part, description)).then(apply));
    }
    const byKey = key => part.metrics.find(metric => metric.key === key);
    const polar = one("[data-chart=radar]", box);
    if (polar) {
      const choice = one("[data-attribute-metric]", box);
      const caption = one("figcaption", polar.parentElement);
      const name = () => { caption.textContent = `${byKey(choice.value).label} by attribute${suffix(part)}`; };
      fill(choice, part.metrics.map(metric => [metric.key, metric.label]), part.leading);
      attributeTable(part, box, byKey(choice.value));
      part.listeners.push(() => attributeTable(part, box, byKey(choice.value)));
      name();
      choice.addEventListener("change", () => { attributeTable(part, box, byKey(choice.value)); name(); redraw(polar, radar(part, byKey(choice.value))); apply(); });
      linked.push(polar);
      later(polar, () => draw(polar, radar(part, byKey(choice.value))).then(apply));
    }
    if (one("[data-sequence-table]", box)) sequenceTable(part, box, number);
    const gaps = one("[data-chart=difference]", box);
    if (gaps) {
      const choices = [one("[data-first]", box), one("[data-second]", box)];
      choices.forEach((choice, place) => fill(choice, part.trackers.map((tracker, index) => [index, tracker.name]), place));
      const metric = byKey(part.sequences.keys.includes(part.leading) ? part.leading : part.sequences.keys[0]);
      const chart = () => difference(part, metric, ...choices.map(choice => Number(choice.value)));
      const tell = () => {
        one("figcaption", gaps.parentElement).textContent = `${metric.label} per sequence${suffix(part)}`;
        one("[data-difference-count]", box).textContent = chart()[2];
      };
      choices.forEach(choice => choice.addEventListener("change", () => { tell(); redraw(gaps, chart()); }));
      tell();
      later(gaps, async () => {
        await draw(gaps, chart());
        gaps.on("plotly_click", ({ points }) => explore(number, part.sequences.names.indexOf(points[0].customdata)));
      });
    }
    strips(part, box);
    part.listeners.push(() => strips(part, box));
  }

  function speedSection() {
    const element = one("[data-chart=speed]");
    if (!element) return;
    const choice = one("[data-speed-part]");
    const known = data.parts.map((part, place) => [place, part.title]).filter(([place]) => data.parts[place].speeds.some(fps => fps !== null));
    fill(choice, known);
    choice.addEventListener("change", () => redraw(element, speed(data.parts[Number(choice.value)])));
    later(element, () => draw(element, speed(data.parts[Number(choice.value)])));
  }

  // ---- start ----------------------------------------------------------------------------------------------------------

  async function loadPlotly() {
    const code = await unpacked(document.getElementById("plotly-gzip"));
    document.head.append(make("script", { text: code }));
    if (!window.Plotly) throw new Error("the charts' library did not start");
  }

  async function drawOne(item) {
    if (item.element.dataset.drawn) return;
    item.element.dataset.drawn = "yes";
    await item.draw();
  }

  async function drawAll() {
    const seen = new IntersectionObserver(entries => {
      for (const entry of entries) {
        if (entry.isIntersecting) drawOne(waiting.find(item => item.element === entry.target));
      }
    }, { rootMargin: "500px" });
    waiting.forEach(item => seen.observe(item.element));
    for (const item of waiting) {  // the rest, while the reader looks at the first ones
      await new Promise(resolve => { setTimeout(resolve, 15); });
      await drawOne(item);
    }
    seen.disconnect();
    document.documentElement.dataset.charts = "drawn";
  }

  function follow() {
    const links = new Map(all(".contents a").map(link => [link.getAttribute("href").slice(1), link]));
    const seen = new IntersectionObserver(entries => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        links.forEach(link => link.removeAttribute("aria-current"));
        const link = links.get(entry.target.id);
        if (link) link.setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-20% 0px -75% 0px" });
    all("main .section").forEach(box => seen.observe(box));
  }

  all("table.sortable:not([data-attribute-table])").forEach(sortable);
  all("[data-part]").forEach(box => section(data.parts[Number(box.dataset.part)], box, Number(box.dataset.part)));
  speedSection();
  trackerFilter();
  follow();
  await loadPlotly();
  await drawAll();
})().catch(problem => {
  const warning = document.getElementById("no-charts");
  warning.textContent = `Charts cannot be drawn in this browser (${problem.message}); the tables are complete. Browsers from 2023 on can.`;
  warning.hidden = false;
  document.documentElement.dataset.charts = "failed";
});
