"use strict";
// The explorer: a sequence frame by frame with everyone's boxes, and their overlap with the truth below. Names come from
// strangers: they reach the page as text or as attributes of elements made here. Files are shown as pictures, nothing else.
function makeExplorer({ data, stills, all, one, make, unpacked, swatch }) {
  const [NONE, ABSENT, QUARTERS, CURVE] = [-32768, -32767, 4, [1000, 100]];
  const dialog = one("#explorer");
  const [stage, curve, slider, readout, said] = ["[data-stage]", "[data-curve]", "[data-frames]", "[data-readout]", "[data-said]"].map(name => one(name, dialog));
  const hidden = new Set();
  const unreadable = new Set();
  let now = null;

  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // ---- boxes ----------------------------------------------------------------------------------------------------------

  async function decoded(packed, lines, count) {
    const bytes = packed ? new Uint8Array(await unpacked(packed)) : new Uint8Array(0);
    const size = bytes.length / 2;
    const series = new Int16Array(size);
    for (let place = 0; place < size; place += 1) {
      const step = bytes[place] | (bytes[size + place] << 8);
      series[place] = place % count ? series[place - 1] + step : step;
    }
    return (line, kept) => {
      if (!size || line >= lines) return null;
      const at = coordinate => series[(line * 4 + coordinate) * count + kept];
      return at(0) <= ABSENT ? at(0) : [at(0), at(1), at(2), at(3)].map(value => value / QUARTERS);
    };
  }

  function overlap(a, b) {
    if (!Array.isArray(b)) return null;
    if (!Array.isArray(a)) return 0;
    const side = place => Math.max(0, Math.min(a[place] + a[place + 2], b[place] + b[place + 2]) - Math.max(a[place], b[place]));
    const shared = side(0) * side(1);
    const union = a[2] * a[3] + b[2] * b[3] - shared;
    return union > 0 ? shared / union : 0;
  }

  // ---- pictures -------------------------------------------------------------------------------------------------------

  function embedded(partNumber, row) {
    const pictures = new Map(Object.entries(stills[partNumber][row] || {}).map(([frame, text]) => [Number(frame), `data:image/jpeg;base64,${text}`]));
    for (const button of all(`.picture[data-explore="${partNumber}"][data-row="${row}"]`)) pictures.set(Number(button.dataset.frame), one("image", button).getAttribute("href"));
    return pictures;
  }

  function fileName(segments, frame) {
    let left = frame;
    for (const [before, width, after, first, count] of segments) {
      if (left < count) return `${before}${width ? String(first + left).padStart(width, "0") : ""}${after}`;
      left -= count;
    }
    return null;
  }

  const addresses = frame => now.panels
    .map(([folder, segments]) => [folder, fileName(segments, frame)])
    .filter(([folder, name]) => name !== null && !unreadable.has(folder))
    .map(([folder, name]) => [folder, folder + encodeURIComponent(name)]);

  function nearest(frame) {
    const known = [...now.pictures.keys()];
    return known.length ? known.reduce((best, other) => (Math.abs(other - frame) < Math.abs(best - frame) ? other : best)) : null;
  }

  // the picture of the frame: inside this file, else a local file, else the nearest one inside, faded and said
  function picture(frame) {
    const [width, height] = now.size;
    const whole = { x: 0, y: 0, width: width * now.across, height, preserveAspectRatio: "none" };
    if (now.pictures.has(frame)) return [[svg("image", { ...whole, href: now.pictures.get(frame) })], ""];
    const files = addresses(frame);
    if (files.length === now.across) {
      const images = files.map(([folder, href], place) => {
        const image = svg("image", { ...whole, x: place * width, width, href });
        image.addEventListener("error", () => { unreadable.add(folder); if (now.frame === frame) show(); });
        return image;
      });
      return [images, ""];
    }
    const other = nearest(frame);
    if (other === null) return [[], "The pictures of this sequence are not in this file, and its frames are not found on this computer."];
    return [[svg("image", { ...whole, href: now.pictures.get(other), opacity: 0.3 })], `The picture of this frame is not in this file. Behind the boxes: frame ${other}.`];
  }

  function outline(box, color, dash, number, shapes, corners) {
    const [x, y, width, height] = box.map(value => Math.max(-1e5, Math.min(1e5, value)));
    for (let panel = 0; panel < now.across; panel += 1) {
      const place = { x: x + panel * now.size[0], y, width, height, "vector-effect": "non-scaling-stroke" };
      shapes.push(svg("rect", { ...place, class: "edge" }), svg("rect", { ...place, stroke: color, "stroke-dasharray": dash === "solid" ? "none" : dash }));
      if (number >= 0) {
        const size = 0.02 * now.size[0];
        const share = (now.trackers.indexOf(number) + 1) / (now.trackers.length + 1);
        corners.push(svg("use", { href: `#m${now.part.trackers[number].swatch}`, x: x + panel * now.size[0] + width * share - size / 2, y: y - size / 2, width: size, height: size }));
      }
    }
  }

  // ---- what is shown --------------------------------------------------------------------------------------------------

  function show() {
    const { part, stride } = now;
    const frame = now.frame;
    const kept = Math.round(frame / (stride || 1));
    const truth = now.box(0, kept);
    const [images, problem] = picture(frame);
    stage.setAttribute("viewBox", `0 0 ${now.size[0] * now.across} ${now.size[1]}`);
    const [shapes, corners] = [[], []];
    now.trackers.forEach(index => {
      const tracker = part.trackers[index];
      const box = now.box(index + 1, kept);
      if (Array.isArray(box) && !hidden.has(tracker.name)) outline(box, tracker.color, tracker.dash, index, shapes, corners);
    });
    if (Array.isArray(truth)) outline(truth, data.truth, "7px,5px", -1, shapes, corners);
    stage.replaceChildren(...images, ...shapes, ...corners);
    const state = Array.isArray(truth) ? "" : truth === ABSENT ? "target absent" : stride ? "target not annotated" : "";
    const lines = [state === "target absent" ? "Target absent: there is nothing to find in this frame." : "", problem, stride ? "" : `The boxes of this sequence are not in this file. To draw them: ${part.command} ${now.name}`];
    said.textContent = lines.filter(Boolean).join(" ");
    said.hidden = !said.textContent;
    one("#explorer-state", dialog).textContent = `frame ${frame} (${now.frames} frames)${state && ", "}${state}`;
    slider.value = kept;
    slider.setAttribute("aria-valuetext", `frame ${frame}`);
    now.trackers.forEach((index, place) => {
      const box = now.box(index + 1, kept);
      const value = overlap(box, truth);
      one("b", readout.children[place]).textContent = !stride ? "" : !Array.isArray(box) ? "no box" : value === null ? "" : value.toFixed(2);
    });
    const links = one("[data-links]", dialog);
    links.replaceChildren(...addresses(frame).flatMap(([, href], place) => [" ", make("a", { href, target: "_blank", rel: "noopener", text: place ? "second file" : "Open the frame's file" })]));
    const cursor = one(".cursor", curve);
    if (cursor) cursor.setAttribute("d", `M${across(kept)} 0V${CURVE[1]}`);
    if (dialog.open && !dialog.contains(document.activeElement)) slider.focus();
  }

  function names() {
    readout.replaceChildren(...now.trackers.map(index => now.part.trackers[index]).map(tracker => {
      const button = make("button", { type: "button", "aria-pressed": String(!hidden.has(tracker.name)) }, swatch(tracker), make("span", { text: tracker.name }), make("b"));
      button.addEventListener("click", () => {
        if (!hidden.delete(tracker.name)) hidden.add(tracker.name);
        button.setAttribute("aria-pressed", String(!hidden.has(tracker.name)));
        drawCurve();
        show();
      });
      return button;
    }));
  }

  const across = kept => (CURVE[0] * kept / Math.max(1, now.count - 1)).toFixed(1);

  function drawCurve() {
    const { part, count, stride } = now;
    const lines = [0, 0.5, 1].map(level => svg("path", { d: `M0 ${CURVE[1] * level}H${CURVE[0]}`, class: "rule" }));
    const places = stride ? Array.from({ length: count }, (_, kept) => kept) : [];
    const half = CURVE[0] / Math.max(1, count - 1) / 2;
    for (const kept of places) {
      if (now.box(0, kept) === ABSENT) lines.push(svg("rect", { x: across(kept) - half, y: 0, width: 2 * half + 1, height: CURVE[1], class: "absent" }));
    }
    now.trackers.forEach(index => {
      const tracker = part.trackers[index];
      if (hidden.has(tracker.name)) return;
      let pen = "M";
      let path = "";
      for (const kept of places) {
        const value = overlap(now.box(index + 1, kept), now.box(0, kept));
        if (value !== null) path += `${pen}${across(kept)} ${(CURVE[1] * (1 - value)).toFixed(1)}`;
        pen = value === null ? "M" : "L";
      }
      if (path) lines.push(svg("path", { d: path, stroke: tracker.color, "stroke-dasharray": tracker.dash === "solid" ? "none" : tracker.dash, class: "line" }));
    });
    curve.replaceChildren(...lines, svg("path", { class: "cursor" }));
  }

  // ---- moving ---------------------------------------------------------------------------------------------------------

  function go(kept) {
    const place = Math.max(0, Math.min(now.count - 1, kept));
    now.frame = place * (now.stride || 1);
    show();
  }

  const keptNow = () => Math.round(now.frame / (now.stride || 1));

  /** Open a sequence; `order` are the rows that the up and down keys lead through. */
  async function open(partNumber, row, frame = 0, order = null) {
    const part = data.parts[partNumber];
    const clip = part.clips[row];
    if (!clip) return;
    const [frames, stride, packed, size, panels] = clip;
    const count = Math.ceil(frames / (stride || 1));
    const box = await decoded(packed, part.trackers.length + 1, count);
    const pictures = embedded(partNumber, row);
    const still = one(`.picture[data-explore="${partNumber}"][data-row="${row}"] svg`);
    const reach = Array.from({ length: stride ? count : 0 }, (_, kept) => box(0, kept)).filter(Array.isArray);
    const wide = still && still.closest(".thumbs").classList.contains("wide");
    now = {
      part, trackers: [...part.shown], partNumber, row, frames, stride, count, box, pictures, panels, name: part.sequences.names[row], order: order || part.sequences.names.map((_, place) => place),
      across: pictures.size ? (wide ? 2 : 1) : Math.max(1, panels.length), frame: 0,
      size: size || (still ? [still.viewBox.baseVal.width / (wide ? 2 : 1), still.viewBox.baseVal.height] : [0, 1].map(axis => Math.max(100, ...reach.map(found => found[axis] + found[axis + 2])))),
    };
    one("#explorer-title", dialog).textContent = now.name;
    const every = stride > 1 ? ` · boxes of every ${stride}th frame` : "";
    one("[data-about]", dialog).textContent = `${part.title}${part.sample ? " · sample" : ""} · ${frames.toLocaleString("en")} frames${every}${pictures.size ? ` · ${pictures.size} pictures in this file` : ""}${panels.length ? " · frames linked to local files" : ""}`;
    slider.max = count - 1;
    names();
    drawCurve();
    go(Math.round(frame / (stride || 1)));
    if (!dialog.open) dialog.showModal();
    slider.focus();
  }

  function neighbor(step) {
    const place = now.order.indexOf(now.row) + step;
    if (place >= 0 && place < now.order.length) open(now.partNumber, now.order[place], 0, now.order);
  }

  dialog.addEventListener("keydown", event => {
    const jump = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowLeft: () => go(keptNow() - jump), ArrowRight: () => go(keptNow() + jump), PageUp: () => go(keptNow() - 10), PageDown: () => go(keptNow() + 10),
      Home: () => go(0), End: () => go(now.count - 1), ArrowUp: () => neighbor(-1), ArrowDown: () => neighbor(1),
    };
    if (!actions[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  });
  dialog.addEventListener("click", event => { if (event.target === dialog || event.target.closest("[data-close]")) dialog.close(); });
  slider.addEventListener("input", () => go(Number(slider.value)));
  all("[data-step]", dialog).forEach(button => button.addEventListener("click", () => go(keptNow() + Number(button.dataset.step))));
  const point = event => {
    const frame = curve.getBoundingClientRect();
    go(Math.round((event.clientX - frame.left) / frame.width * (now.count - 1)));
  };
  curve.addEventListener("pointerdown", event => { curve.setPointerCapture(event.pointerId); point(event); });
  curve.addEventListener("pointermove", event => { if (event.buttons) point(event); });
  for (const button of all("[data-explore]")) {
    button.addEventListener("click", () => open(Number(button.dataset.explore), Number(button.dataset.row), Number(button.dataset.frame || 0), data.parts[Number(button.dataset.explore)].hard.map(hard => hard.sequence)));
  }
  return open;
}

