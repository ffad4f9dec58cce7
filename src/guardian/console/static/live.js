/* Live parts: what was swapped in, what must not move now, and whether the connection still stands. */
(function () {
  'use strict';
  const SILENT_MS = 20000;
  const waiting = new Map();
  let heard = Date.now(), minute = null, told = null;

  const busy = part => part.matches(':hover') || part.contains(document.activeElement);

  /* a row never moves under the pointer: the newest swap waits until the pointer has left */
  document.addEventListener('htmx:oobBeforeSwap', event => {
    const part = event.detail.target, fresh = event.detail.fragment;
    if (part.innerHTML === fresh.innerHTML) event.detail.shouldSwap = false;
    else if (part.matches('[data-hold]') && busy(part)) { event.detail.shouldSwap = false; waiting.set(part.id, fresh.innerHTML); }
    else waiting.delete(part.id);
  });
  document.addEventListener('mouseover', () => {
    for (const [id, html] of waiting) {
      const part = document.getElementById(id);
      if (!part || busy(part)) continue;
      waiting.delete(id);
      part.innerHTML = html;
      htmx.process(part);
      document.dispatchEvent(new CustomEvent('htmx:oobAfterSwap'));
    }
  });

  /* said aloud once, when the sentence changes */
  function say() {
    const head = document.querySelector('[data-say]'), voice = document.getElementById('said');
    if (!head || !voice) return;
    if (told !== null && told !== head.textContent) voice.textContent = head.textContent;
    told = head.textContent;
  }

  function lanesChanged(fresh) {
    const shown = [...document.querySelectorAll('#lanes [data-lane]')].map(lane => lane.dataset.lane).join();
    return document.getElementById('lanes') && fresh && fresh !== shown;
  }
  document.addEventListener('htmx:afterRequest', event => {
    if (event.detail.elt.id !== 'live') return;
    say();
    const answer = event.detail.xhr, lanes = answer.getResponseHeader('X-Lanes'), stamp = answer.getResponseHeader('X-Minute');
    if (lanesChanged(lanes)) {
      htmx.ajax('GET', '/console/fragments/lanes', { target: '#lanes', swap: 'innerHTML' }).then(() => document.dispatchEvent(new CustomEvent('guardian:minute')));
    } else if (stamp && stamp !== minute) {
      if (minute !== null) document.dispatchEvent(new CustomEvent('guardian:minute'));
      minute = stamp;
    }
  });

  /* the connection: a picture that no longer changes must not look live */
  function show() { const banner = document.getElementById('lost'); if (banner) banner.hidden = Date.now() - heard < SILENT_MS; }
  document.addEventListener('htmx:sseOpen', event => {
    heard = Date.now();
    event.detail.source.addEventListener('stats', () => { heard = Date.now(); show(); });
  });
  setInterval(show, 1000);

  /* the clock runs by the server's time */
  function tick() {
    const box = document.querySelector('#clock b');
    if (!box) return;
    const now = Date.now() + tick.ahead;
    const write = zone => new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(now);
    box.textContent = write(document.body.dataset.zone);
    box.nextSibling.textContent = ` ${document.body.dataset.zoneName} · ${write('UTC').slice(0, 5)} UTC`;
  }
  document.addEventListener('DOMContentLoaded', () => {
    if (!document.body.dataset.now) return;
    tick.ahead = Number(document.body.dataset.now) - Date.now();
    say();
    setInterval(tick, 1000);
  });
})();
