/* Live parts: what was swapped in, what must not move now, and whether the connection still stands. */
(function () {
  'use strict';
  const SILENT_MS = 20000;
  const waiting = new Map();
  let heard = Date.now(), asked = 0, drawn = null, told = null;

  const busy = part => part.matches(':hover') || part.contains(document.activeElement);

  /* a row never moves under the pointer: the newest swap waits until the pointer has left */
  document.addEventListener('htmx:oobBeforeSwap', event => {
    const part = event.detail.target, fresh = event.detail.fragment;
    if (part.innerHTML === fresh.innerHTML) { event.detail.shouldSwap = false; waiting.delete(part.id); }
    else if (part.matches('[data-hold]') && busy(part)) { event.detail.shouldSwap = false; waiting.set(part.id, fresh.innerHTML); }
    else waiting.delete(part.id);
  });
  function catchUp() {
    for (const [id, html] of waiting) {
      const part = document.getElementById(id);
      if (!part || busy(part)) continue;
      waiting.delete(id);
      part.innerHTML = html;
      htmx.process(part);
      document.dispatchEvent(new CustomEvent('htmx:oobAfterSwap'));
    }
  }
  document.addEventListener('mouseover', catchUp);
  document.addEventListener('focusout', () => setTimeout(catchUp));

  /* said aloud once, when the sentence changes */
  function say() {
    const head = document.querySelector('[data-say]'), voice = document.getElementById('said');
    if (!head || !voice) return;
    if (told !== null && told !== head.textContent) voice.textContent = head.textContent;
    told = head.textContent;
  }

  function lanesChanged(fresh) {
    const shown = [...document.querySelectorAll('#lanes [data-lane]')].map(lane => lane.dataset.lane).join();
    return document.getElementById('lanes') && fresh && decodeURIComponent(fresh) !== shown;
  }
  const redraw = () => document.dispatchEvent(new CustomEvent('guardian:minute'));
  document.addEventListener('htmx:afterRequest', event => {
    const answer = event.detail.xhr;
    if (event.detail.elt.id !== 'live' || !answer || answer.status !== 200) return;
    say();
    const stamp = answer.getResponseHeader('X-Charts'), passed = drawn !== null && stamp !== drawn;
    drawn = stamp;
    if (lanesChanged(answer.getResponseHeader('X-Lanes'))) htmx.ajax('GET', '/console/fragments/lanes', { target: '#lanes', swap: 'innerHTML' }).then(redraw);
    else if (passed) redraw();
  });

  /* the connection: a picture that no longer changes must not look live; a session that ended says so */
  async function show() {
    const lost = Date.now() - heard > SILENT_MS, banner = document.getElementById('lost');
    if (!banner) return;
    if (lost && banner.hidden) document.querySelector('[data-lost-since]').textContent = clock(document.body.dataset.zone, heard + tick.ahead);
    banner.hidden = !lost;
    document.body.classList.toggle('lost', lost);
    if (!lost || Date.now() - asked < SILENT_MS) return;
    asked = Date.now();
    const headers = { 'HX-Request': 'true', 'HX-Current-URL': location.href };
    const answer = await fetch(location.href, { headers, credentials: 'same-origin' }).catch(() => null);
    const login = answer && answer.status === 401 && answer.headers.get('HX-Redirect');
    if (login) location.href = login;
  }
  document.addEventListener('htmx:sseOpen', event => {
    event.detail.source.addEventListener('stats', () => { heard = Date.now(); show(); });
  });

  /* the clock runs by the server's time */
  const clock = (zone, at) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);
  function tick() {
    const box = document.querySelector('#clock b');
    if (!box) return;
    const now = Date.now() + tick.ahead;
    box.textContent = clock(document.body.dataset.zone, now);
    box.nextSibling.textContent = ` ${document.body.dataset.zoneName} · ${clock('UTC', now).slice(0, 5)} UTC`;
  }
  document.addEventListener('DOMContentLoaded', () => {
    if (!document.body.dataset.now) return;
    tick.ahead = Number(document.body.dataset.now) - Date.now();
    say();
    setInterval(tick, 1000);
    setInterval(show, 1000);
  });
})();
