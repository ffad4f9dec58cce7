/* Charts: one uPlot per lane, an observed line on its expected band, what is forecast after it, one crosshair over all. */
(function () {
  'use strict';
  const GUTTER = 44, EDGE = 14, MINUTE = 60, LINE = 6;
  const KINDS = ['ink', 'band', 'band-edge', 'line', 'text-2', 'text-3', 'crit', 'warn', 'surface'];
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
    const known = [...lane.observed, ...lane.low, ...lane.high, ...lane.ahead.filter(Boolean).flat()].filter(value => value !== null);
    const least = Math.min(...known), most = Math.max(...known, 1), pad = (most - least || most) * 0.12;
    /* volumes may start above zero, rare counts may not */
    return [least > 0.45 * most ? Math.max(0, least - pad) : 0, most + pad];
  }

  /* in whole numbers, as the range is written; a minute without a range is not outside */
  const outside = (lane, n) => lane.observed[n] !== null && lane.low[n] !== null
    && (lane.observed[n] < Math.round(lane.low[n]) || lane.observed[n] > Math.round(lane.high[n]));

  /* the pieces of the line that lead to, or leave, a minute outside the range */
  function drawOutside(u, lane, from, until) {
    const ctx = u.ctx, times = lane.minutes;
    ctx.beginPath();
    for (let n = 1; n < times.length; n += 1) {
      if (times[n] < from || times[n - 1] > until || lane.observed[n] === null || lane.observed[n - 1] === null) continue;
      if (!outside(lane, n) && !(outside(lane, n - 1) && times[n - 1] >= from)) continue;
      ctx.moveTo(u.valToPos(times[n - 1], 'x', true), u.valToPos(lane.observed[n - 1], 'y', true));
      ctx.lineTo(u.valToPos(times[n], 'x', true), u.valToPos(lane.observed[n], 'y', true));
    }
    ctx.stroke();
  }

  function shape(ctx, x, y, size, mark) {
    ctx.beginPath();
    if (mark.level === 'warn') { ctx.moveTo(x, y - size); ctx.lineTo(x + size, y + size * 0.8); ctx.lineTo(x - size, y + size * 0.8); }
    else { ctx.moveTo(x, y - size); ctx.lineTo(x + size, y); ctx.lineTo(x, y + size); ctx.lineTo(x - size, y); }
    ctx.closePath();
    if (mark.end === null) ctx.fill(); else ctx.stroke();
  }

  /* beside the mark, where neither the edge nor a label that is there already is in the way */
  function label(u, text, x, y, taken, ratio) {
    const ctx = u.ctx, box = u.bbox, wide = ctx.measureText(text).width, gap = 10 * ratio;
    const free = (left, right) => left >= box.left && right <= box.left + box.width
      && !taken.some(one => left < one.right && right > one.left && Math.abs(y - one.y) < 14 * ratio);
    const sides = [[x - gap - wide, x - gap, 'right', -gap], [x + gap, x + gap + wide, 'left', gap]];
    const side = sides.find(([left, right]) => free(left, right));
    if (!side) return;
    taken.push({ left: side[0], right: side[1], y });
    ctx.textAlign = side[2];
    ctx.textBaseline = 'middle';
    ctx.fillText(text, x + side[3], y);
  }

  function drawMark(u, lane, mark, ink, ratio, taken) {
    const ctx = u.ctx, box = u.bbox, times = lane.minutes, first = times[0], last = times[times.length - 1];
    const live = mark.end === null, from = Math.max(mark.start, first), until = live ? last : Math.min(mark.end, last);
    if (until < first || from > last) return;
    const x = u.valToPos(from, 'x', true), end = u.valToPos(until, 'x', true);
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = live ? ink[mark.level] || ink['text-2'] : ink['text-2'];
    ctx.lineJoin = ctx.lineCap = 'round';
    if (live) {
      ctx.globalAlpha = 0.1;
      ctx.fillRect(x, box.top, Math.max(3 * ratio, end - x), box.height);
      ctx.globalAlpha = 1;
      ctx.lineWidth = 2.2 * ratio;
      drawOutside(u, lane, from, until);
    }
    const within = lane.observed.filter((value, n) => value !== null && times[n] >= from && times[n] <= until);
    const size = (live ? 6 : 4.5) * ratio, peak = u.valToPos(Math.max(...within, 0), 'y', true) - 11 * ratio;
    const y = Math.min(Math.max(box.top + size + 2 * ratio, peak), box.top + box.height - size);
    ctx.lineWidth = 1.2 * ratio;
    shape(ctx, x, y, size, mark);
    ctx.font = `${live ? 600 : 400} ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    label(u, live ? clock(mark.start) : `${clock(mark.start)}, ${said().over}`, x, y, taken, ratio);
    ctx.restore();
  }

  function drawSilence(u, since, lane, ink, ratio) {
    const ctx = u.ctx, times = lane.minutes, n = times.indexOf(since), value = lane.observed[n];
    const start = u.valToPos(since, 'x', true), end = u.valToPos(times[times.length - 1], 'x', true);
    const y = u.valToPos(value === null || value === undefined ? 0 : value, 'y', true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink.warn;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath(); ctx.moveTo(start, y); ctx.lineTo(end, y); ctx.stroke();
    ctx.font = `${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = 'right'; ctx.textBaseline = 'top';
    ctx.fillText(`${said().silent} ${clock(since)}`, end - 6 * ratio, u.bbox.top + 4 * ratio);
    ctx.restore();
  }

  /* where the known ends and the forecast begins */
  function drawNow(u, now, ink, ratio) {
    const ctx = u.ctx, box = u.bbox, x = Math.round(u.valToPos(now, 'x', true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = ink['text-2'];
    ctx.lineWidth = ratio;
    ctx.beginPath(); ctx.moveTo(x, box.top); ctx.lineTo(x, box.top + box.height); ctx.stroke();
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
      if (set.hours) query.set('hours', set.hours); else query.set('since', set.since);
      if (set.until) query.set('until', set.until);
      return `/console/data/series?${query}`;
    }
    get times() { return [...this.chart.minutes, ...this.chart.ahead]; }
    async load() {
      let answer;
      try { answer = await fetch(this.url, { headers: { Accept: 'application/json' }, credentials: 'same-origin' }); } catch (error) { return; }
      if (!answer.ok || !(answer.headers.get('content-type') || '').includes('json')) return;
      this.chart = await answer.json();
      this.chart.lanes.forEach(lane => { lane.minutes = this.chart.minutes; });
      this.draw();
    }
    draw() {
      if (!this.chart) return;
      const ink = inks(), boxes = this.boxes, at = this.at;
      this.width = this.root.clientWidth;
      this.plots.forEach(plot => plot.destroy());
      this.plots = boxes.map((box, n) => this.plot(box, this.chart.lanes[n], ink)).filter(Boolean);
      boxes.forEach((box, n) => { const level = (this.chart.lanes[n] || {}).level; box.classList.toggle('crit', level === 'crit'); box.classList.toggle('warn', level === 'warn'); });
      if (!this.plots.length) { const place = this.root.querySelector('[data-axis]'); if (place) place.replaceChildren(); }
      this.read(at);
      this.root.dataset.drawn = String(this.plots.length);
    }
    plot(box, lane, ink) {
      const place = box.querySelector('.lc');
      place.replaceChildren();
      if (!lane || place.clientWidth < 60) return null;
      if (!lane.observed.some(value => value !== null)) {
        const why = document.createElement('p');
        why.className = 'no-line';
        why.textContent = said().empty;
        place.append(why);
        return null;
      }
      const chart = this.chart, now = chart.minutes.length - 1, [low, high] = bounds(lane), none = (u, splits) => splits.map(() => '');
      const dotted = { stroke: ink['band-edge'], width: 1, dash: [1, 3], points: { show: false } };
      const dashed = { ...dotted, dash: [5, 4] }, faded = ink.band.replace('rgb(', 'rgba(').replace(')', ', 0.5)');
      const before = values => [...values, ...chart.ahead.map(() => null)];
      const after = (place, seam) => [...chart.minutes.slice(1).map(() => null), chart.ahead.length ? seam : null, ...lane.ahead.map(one => one && one[place])];
      const marks = u => {
        const ratio = devicePixelRatio || 1, taken = [];
        [...lane.marks].sort((one, other) => other.start - one.start).forEach(mark => drawMark(u, lane, mark, ink, ratio, taken));
        if (chart.silent_since !== null) drawSilence(u, chart.silent_since, lane, ink, ratio);
        if (chart.ahead.length) drawNow(u, chart.minutes[now], ink, ratio);
      };
      /* bands are painted with their upper series: the observed line comes last, on top */
      return new uPlot({
        width: place.clientWidth, height: place.clientHeight, padding: [8, EDGE, 4, 0], legend: { show: false },
        cursor: { y: false, points: { size: 6, fill: ink.ink, width: 0, show: (u, n) => n === LINE && document.createElement('div') }, drag: { x: false, y: false }, sync: { key: this.root.dataset.sync || 'one' } },
        scales: { x: { time: true, range: (u, least, most) => [least, most] }, y: { range: () => [low, high] } },
        axes: [
          { size: 0, grid: { stroke: ink.line, width: 1 }, ticks: { show: false }, values: none, splits: () => this.ticks() },
          { size: GUTTER, gap: 4, stroke: ink['text-3'], font: `12px ${getComputedStyle(document.body).fontFamily}`, grid: { show: false }, ticks: { show: false }, space: place.clientHeight < 90 ? 34 : 26, values: (u, splits) => splits.map(value => Number.isInteger(value) ? number(value) : '') },
        ],
        series: [{}, dotted, dotted, dashed, dashed, dashed, { stroke: ink.ink, width: 1.4, points: { show: false }, spanGaps: false }],
        bands: [{ series: [1, 2], fill: ink.band }, { series: [3, 4], fill: faded }],
        hooks: { draw: [marks], ready: [u => { if (u === this.plots[0] || !this.plots.length) this.axis(u); }], setCursor: [u => this.read(u.cursor.idx ?? null)] },
      }, [this.times, before(lane.high), before(lane.low), after(2, lane.high[now]), after(1, lane.low[now]), after(0, null), before(lane.observed)], place);
    }
    ticks() {
      const times = this.times, first = times[0], last = times[times.length - 1], span = (last - first) / MINUTE;
      const narrow = this.root.clientWidth < 560, choices = [5, 10, 15, 30, 60, 120, 240], most = narrow ? 4 : 8;
      const step = (choices.find(choice => span / choice <= most) || 240) * MINUTE, found = [];
      for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(at);
      return found;
    }
    axis(plot) {
      const place = this.root.querySelector('[data-axis]');
      if (!place) return;
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), last = this.chart.minutes[this.chart.minutes.length - 1], times = this.times;
      svg.setAttribute('aria-hidden', 'true');
      svg.setAttribute('height', '22');
      const write = (x, text, kind, anchor) => {
        const text_ = document.createElementNS(svg.namespaceURI, 'text');
        text_.setAttribute('x', x + plot.over.offsetLeft);
        text_.setAttribute('y', '15'); text_.setAttribute('class', kind); text_.setAttribute('text-anchor', anchor); text_.textContent = text;
        svg.append(text_);
      };
      const current = !this.root.dataset.until, now = plot.valToPos(last, 'x'), end = plot.valToPos(times[times.length - 1], 'x');
      this.ticks().forEach(at => {
        const x = plot.valToPos(at, 'x');
        if (x > 12 && end - x > 12 && (!current || now - x > 100 || x - now > 90)) write(x, clock(at), 'ch-t', 'middle');
      });
      if (current) write(now, `${said().nowWord} ${clock(last)}`, 'ch-t ev', 'end');
      if (this.chart.ahead.length) write(now + 10, said().forecast, 'ch-t', 'start');
      place.replaceChildren(svg);
    }
    read(index) {
      this.at = index;
      if (!this.readout || !this.chart) return;
      const minutes = this.chart.minutes, ahead = this.chart.ahead, place = index - minutes.length;
      if (index === null || this.times[index] === undefined) {
        const until = ahead.length ? `, ${said().aheadUntil} ${clock(ahead[ahead.length - 1])}` : '';
        this.readout.textContent = `${clock(minutes[0])}–${clock(minutes[minutes.length - 1])}${until}`;
        return;
      }
      const worst = [...this.chart.lanes].sort((one, other) => Boolean(other.level) - Boolean(one.level));
      const parts = worst.map(lane => {
        const coming = lane.ahead[place];
        if (place >= 0) return coming ? `${lane.label} ${number(coming[0])} (${number(coming[1])}–${number(coming[2])})` : `${lane.label} –`;
        if (lane.observed[index] === null) return `${lane.label} –`;
        const range = lane.low[index] === null ? '' : ` (${number(lane.low[index])}–${number(lane.high[index])})`;
        return `${lane.label} ${number(lane.observed[index])}${range}`;
      });
      this.readout.textContent = `${clock(this.times[index])}${place >= 0 ? `, ${said().forecast}` : ''}  ${parts.join('  ·  ')}`;
    }
    key(event) {
      if ((event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') || event.target.closest('a, button') || !this.plots.length) return;
      event.preventDefault();
      const now = this.chart.minutes.length - 1, last = this.times.length - 1, step = event.key === 'ArrowLeft' ? -1 : 1;
      const index = this.at === null ? (step < 0 ? now : Math.min(last, now + 1)) : Math.max(0, Math.min(last, this.at + step));
      this.plots.forEach(plot => plot.setCursor({ left: plot.valToPos(this.times[index], 'x'), top: 5 }));
    }
    resize() {
      if (this.chart && this.width !== this.root.clientWidth) this.draw();
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
