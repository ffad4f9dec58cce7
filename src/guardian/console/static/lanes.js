/* Charts: one uPlot per lane, an observed line on its expected band, one crosshair over all of them. */
(function () {
  'use strict';
  const GUTTER = 44, EDGE = 14, MINUTE = 60;
  const KINDS = ['ink', 'band', 'band-edge', 'line', 'text-2', 'text-3', 'crit', 'warn', 'surface'];
  const LOCALE = document.documentElement.lang;
  const said = () => document.body.dataset;
  const clock = seconds => new Intl.DateTimeFormat('en-GB', { timeZone: said().zone, hour: '2-digit', minute: '2-digit' }).format(seconds * 1000);
  const number = value => new Intl.NumberFormat('en').format(Math.round(value)).replace(/,/g, '\u202f');

  /* light-dark() is resolved only where it is used, so a probe uses each token once */
  function inks() {
    const probe = document.createElement('i'), found = {};
    document.body.append(probe);
    for (const kind of KINDS) { probe.style.color = `var(--${kind})`; found[kind] = getComputedStyle(probe).color; }
    probe.remove();
    return found;
  }

  function bounds(lane) {
    const known = [...lane.observed, ...lane.low, ...lane.high].filter(value => value !== null);
    if (!known.length) return [0, 1];
    const least = Math.min(...known), most = Math.max(...known, 1), pad = (most - least || most) * 0.12;
    /* volumes may start above zero, rare counts may not */
    return [least > 0.45 * most ? Math.max(0, least - pad) : 0, most + pad];
  }

  function segment(u, ctx, lane, mark, until) {
    ctx.beginPath();
    let down = false;
    u.data[0].forEach((at, n) => {
      const value = lane.observed[n];
      if (value === null || at < mark.start - MINUTE || at > until) { down = false; return; }
      const x = u.valToPos(at, 'x', true), y = u.valToPos(value, 'y', true);
      if (down) ctx.lineTo(x, y); else ctx.moveTo(x, y);
      down = true;
    });
    ctx.stroke();
  }

  function shape(ctx, x, y, size, mark) {
    ctx.beginPath();
    if (mark.level === 'warn') { ctx.moveTo(x, y - size); ctx.lineTo(x + size, y + size * 0.8); ctx.lineTo(x - size, y + size * 0.8); }
    else { ctx.moveTo(x, y - size); ctx.lineTo(x + size, y); ctx.lineTo(x, y + size); ctx.lineTo(x - size, y); }
    ctx.closePath();
    if (mark.end === null) ctx.fill(); else ctx.stroke();
  }

  function drawMark(u, lane, mark, ink, ratio) {
    const ctx = u.ctx, box = u.bbox, last = u.data[0][u.data[0].length - 1], first = u.data[0][0];
    const until = Math.min(mark.end === null ? last : mark.end, last), from = Math.max(mark.start, first);
    if (until < first || from > last) return;
    const x = u.valToPos(from, 'x', true), end = u.valToPos(until, 'x', true), live = mark.end === null, colour = live ? ink[mark.level] || ink['text-2'] : ink['text-2'];
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = colour;
    if (live) { ctx.globalAlpha = 0.1; ctx.fillRect(x, box.top, Math.max(3 * ratio, end - x), box.height); ctx.globalAlpha = 1; }
    ctx.lineJoin = 'round';
    ctx.lineWidth = (live ? 2.2 : 1) * ratio;
    if (live) segment(u, ctx, lane, mark, until);
    ctx.lineWidth = 1.2 * ratio;
    const peak = Math.max(...lane.observed.filter((value, n) => value !== null && u.data[0][n] >= from && u.data[0][n] <= until), 0);
    const size = (live ? 6 : 4.5) * ratio, y = Math.max(box.top + size + 2 * ratio, u.valToPos(peak, 'y', true) - 11 * ratio);
    shape(ctx, x, y, size, mark);
    ctx.font = `${live ? 600 : 400} ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    const text = live ? clock(mark.start) : `${clock(mark.start)}, ${said().over}`, wide = ctx.measureText(text).width;
    const flip = x - wide - 12 * ratio < box.left;
    ctx.textAlign = flip ? 'left' : 'right';
    ctx.textBaseline = 'middle';
    ctx.fillText(text, x + (flip ? 10 : -10) * ratio, y);
    ctx.restore();
  }

  function drawSilence(u, chart, lane, ink, ratio) {
    const last = u.data[0][u.data[0].length - 1];
    if (chart.newest === null || last - chart.newest < 2 * MINUTE) return;
    const at = u.data[0].indexOf(chart.newest), value = at < 0 ? null : lane.observed[at];
    if (value === null) return;
    const ctx = u.ctx, y = u.valToPos(value, 'y', true), end = u.valToPos(last, 'x', true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink.warn;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath(); ctx.moveTo(u.valToPos(chart.newest, 'x', true), y); ctx.lineTo(end, y); ctx.stroke();
    ctx.font = `600 ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = 'right'; ctx.textBaseline = 'top';
    ctx.fillText(`${said().silent} ${clock(chart.newest)}`, end - 6 * ratio, u.bbox.top + 4 * ratio);
    ctx.restore();
  }

  class Panel {
    constructor(root) {
      this.root = root;
      this.plots = [];
      this.readout = root.querySelector('[data-readout]');
      this.chart = null;
      this.at = null;
      root.addEventListener('keydown', event => this.key(event));
      new ResizeObserver(() => this.resize()).observe(root);
      this.load();
    }
    get boxes() { return [...this.root.querySelectorAll('[data-lane]')]; }
    get url() {
      const query = new URLSearchParams(this.boxes.map(box => ['series', box.dataset.lane])), set = this.root.dataset;
      if (set.hours) query.set('hours', set.hours); else { query.set('since', set.since); query.set('until', set.until); }
      return `/console/data/series?${query}`;
    }
    async load() {
      let answer;
      try { answer = await fetch(this.url, { headers: { Accept: 'application/json' }, credentials: 'same-origin' }); } catch (error) { return; }
      if (!answer.ok || !(answer.headers.get('content-type') || '').includes('json')) return;
      this.chart = await answer.json();
      this.draw();
    }
    draw() {
      if (!this.chart) return;
      const ink = inks(), boxes = this.boxes;
      this.plots.forEach(plot => plot.destroy());
      this.plots = boxes.map((box, n) => this.plot(box, this.chart.lanes[n], ink)).filter(Boolean);
      boxes.forEach((box, n) => { const level = (this.chart.lanes[n] || {}).level; box.classList.toggle('crit', level === 'crit'); box.classList.toggle('warn', level === 'warn'); });
      this.axis();
      this.read(null);
      this.root.dataset.drawn = String(this.plots.length);
    }
    plot(box, lane, ink) {
      const place = box.querySelector('.lc');
      place.replaceChildren();
      if (!lane || place.clientWidth < 60) return null;
      const chart = this.chart, [low, high] = bounds(lane), silent = () => '';
      const dotted = { stroke: ink['band-edge'], width: 1, dash: [1, 3], points: { show: false } };
      return new uPlot({
        width: place.clientWidth, height: place.clientHeight, padding: [8, EDGE, 4, 0], legend: { show: false },
        cursor: { y: false, points: { size: 6, fill: ink.ink, width: 0 }, drag: { x: false, y: false }, sync: { key: this.root.dataset.sync || 'one' } },
        scales: { x: { time: true, range: (u, least, most) => [least, most] }, y: { range: () => [low, high] } },
        axes: [
          { size: 0, grid: { stroke: ink.line, width: 1 }, ticks: { show: false }, values: (u, splits) => splits.map(silent), splits: () => this.ticks() },
          { size: GUTTER, gap: 4, stroke: ink['text-3'], font: '12px sans-serif', grid: { show: false }, ticks: { show: false }, space: place.clientHeight < 90 ? 34 : 40, values: (u, splits) => splits.map(value => Number.isInteger(value) ? number(value) : '') },
        ],
        series: [{}, { stroke: ink.ink, width: 1.4, points: { show: false }, spanGaps: false }, dotted, dotted],
        bands: [{ series: [2, 3], fill: ink.band }],
        hooks: {
          drawAxes: [],
          draw: [u => { const ratio = devicePixelRatio || 1; lane.marks.forEach(mark => drawMark(u, lane, mark, ink, ratio)); drawSilence(u, chart, lane, ink, ratio); }],
          setCursor: [u => this.read(u.cursor.idx ?? null)],
        },
      }, [chart.minutes, lane.observed, lane.high, lane.low], place);
    }
    ticks() {
      const minutes = this.chart.minutes, first = minutes[0], last = minutes[minutes.length - 1], span = (last - first) / MINUTE;
      const narrow = this.root.clientWidth < 560, choices = [5, 10, 15, 30, 60, 120, 240], most = narrow ? 4 : 8;
      const step = (choices.find(choice => span / choice <= most) || 240) * MINUTE, found = [];
      for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(at);
      return found;
    }
    axis() {
      const place = this.root.querySelector('[data-axis]'), plot = this.plots[0];
      if (!place || !plot) return;
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), last = this.chart.minutes[this.chart.minutes.length - 1];
      svg.setAttribute('aria-hidden', 'true');
      svg.setAttribute('height', '22');
      const write = (at, text, kind, anchor) => {
        const label = document.createElementNS(svg.namespaceURI, 'text');
        label.setAttribute('x', plot.valToPos(at, 'x') + plot.over.offsetLeft);
        label.setAttribute('y', '15'); label.setAttribute('class', kind); label.setAttribute('text-anchor', anchor); label.textContent = text;
        svg.append(label);
      };
      const current = this.chart.now - last < 4 * MINUTE, end = plot.valToPos(last, 'x');
      this.ticks().forEach(at => { if (!current || end - plot.valToPos(at, 'x') > 72) write(at, clock(at), 'ch-t', 'middle'); });
      if (current) write(last, `${said().nowWord} ${clock(last)}`, 'ch-t ev', 'end');
      place.replaceChildren(svg);
    }
    read(index) {
      this.at = index;
      if (!this.readout || !this.chart) return;
      const minutes = this.chart.minutes;
      if (index === null || minutes[index] === undefined) { this.readout.textContent = `${clock(minutes[0])}–${clock(minutes[minutes.length - 1])}`; return; }
      const parts = this.chart.lanes.map(lane => {
        if (lane.observed[index] === null) return `${lane.label} –`;
        const range = lane.low[index] === null ? '' : ` (${number(lane.low[index])}–${number(lane.high[index])})`;
        return `${lane.label} ${number(lane.observed[index])}${range}`;
      });
      this.readout.textContent = `${clock(minutes[index])}  ${parts.join('  ·  ')}`;
    }
    key(event) {
      if ((event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') || event.target.closest('a, button') || !this.plots.length) return;
      event.preventDefault();
      const last = this.chart.minutes.length - 1, step = event.key === 'ArrowLeft' ? -1 : 1;
      const index = Math.max(0, Math.min(last, (this.at === null ? last + 1 : this.at) + step));
      this.plots.forEach(plot => plot.setCursor({ left: plot.valToPos(this.chart.minutes[index], 'x'), top: 5 }));
    }
    resize() {
      if (!this.plots.length || this.width === this.root.clientWidth) return;
      this.width = this.root.clientWidth;
      this.draw();
    }
    span(hours) {
      this.root.dataset.hours = hours;
      this.load();
    }
  }

  document.addEventListener('DOMContentLoaded', () => {
    const panels = [...document.querySelectorAll('[data-chart]')].map(root => new Panel(root));
    document.addEventListener('guardian:theme', () => panels.forEach(panel => panel.draw()));
    document.addEventListener('guardian:minute', () => panels.forEach(panel => panel.load()));
    document.addEventListener('click', event => {
      const choice = event.target.closest('.seg a[data-hours]');
      if (!choice || !panels.length) return;
      event.preventDefault();
      document.querySelectorAll('.seg a[data-hours]').forEach(one => { if (one === choice) one.setAttribute('aria-current', 'true'); else one.removeAttribute('aria-current'); });
      const table = document.getElementById('as-table');
      if (table) { table.href = `/console/minutes?hours=${choice.dataset.hours}`; table.setAttribute('hx-get', table.getAttribute('href')); htmx.process(table); }
      history.replaceState(null, '', choice.href);
      panels.forEach(panel => panel.span(choice.dataset.hours));
    });
  });
})();
