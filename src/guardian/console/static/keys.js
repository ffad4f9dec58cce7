/* Theme, keys, dialogs and rows. Nothing here is needed to read a page. */
(function () {
  'use strict';
  const root = document.documentElement;
  const find = (selector, within) => (within || document).querySelector(selector);
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const LEAD_MS = 900;

  function toggleTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    document.dispatchEvent(new CustomEvent('guardian:theme'));
  }

  function open(id) {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    all('dialog[open]').forEach(other => other.close());
    dialog.showModal();
  }

  /* ---- rows: the cursor stays on its row by key, also when live parts are swapped ---- */
  let cursor = null;
  const rows = () => all('table[data-rows] tbody tr[data-href]');
  const rowKey = row => row.dataset.key || row.dataset.href;
  function mark() { rows().forEach(row => row.setAttribute('aria-selected', String(rowKey(row) === cursor))); }
  function move(step) {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex(row => rowKey(row) === cursor);
    const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + step))];
    cursor = rowKey(next);
    mark();
    next.scrollIntoView({ block: 'nearest' });
  }
  document.addEventListener('htmx:oobAfterSwap', mark);

  /* ---- palette ---- */
  function palette(dialog) {
    const input = find('input', dialog);
    const links = () => all('li:not([hidden]) a', dialog);
    let at = -1;
    const choose = index => {
      const list = links();
      at = list.length ? (index + list.length) % list.length : -1;
      list.forEach((link, n) => link.classList.toggle('cur', n === at));
      if (at >= 0) list[at].scrollIntoView({ block: 'nearest' });
    };
    const offer = (name, href) => {
      const item = find(`[${name}]`, dialog);
      item.hidden = !href;
      if (href) { find('a', item).href = href; find('[data-find-text]', item).textContent = input.value.trim(); }
    };
    input.addEventListener('input', () => {
      const text = input.value.trim(), low = text.toLowerCase(), value = encodeURIComponent(text);
      all('li', dialog).forEach(item => { if (!find('[data-find-text]', item)) item.hidden = !!text && !item.textContent.toLowerCase().includes(low); });
      offer('data-find-incident', /^inc-\d+$/.test(low) && `/console/incidents/${low.toUpperCase()}`);
      offer('data-find', text && `/console/transactions/${value}`);
      offer('data-find-merchant', text && `/console/transactions?merchant=${value}`);
      offer('data-find-bin', /^\d{6}(\d\d)?$/.test(text) && `/console/transactions?bin=${value}`);
      all('h3', dialog).forEach(head => { head.hidden = !find('li:not([hidden])', head.nextElementSibling); });
      choose(0);
    });
    dialog.addEventListener('keydown', event => {
      if (event.key === 'ArrowDown') { event.preventDefault(); choose(at + 1); }
      else if (event.key === 'ArrowUp') { event.preventDefault(); choose(at - 1); }
      else if (event.key === 'Escape') { event.preventDefault(); dialog.close(); }
      else if (event.key === 'Enter' && at >= 0) { event.preventDefault(); links()[at].click(); }
    });
  }

  /* what was done is told once, not again when the page is loaded again */
  function toldOnce() {
    const url = new URL(location.href);
    if (!url.searchParams.has('done')) return;
    url.searchParams.delete('done');
    history.replaceState(null, '', url);
  }

  function copy(button) {
    const text = find(button.dataset.copy).textContent.trim();
    if (navigator.clipboard) navigator.clipboard.writeText(text);
    else { const range = document.createRange(); range.selectNodeContents(find(button.dataset.copy)); getSelection().removeAllRanges(); getSelection().addRange(range); }
  }

  /* ---- single letters can be switched off (WCAG 2.1.4) ---- */
  const singles = () => { try { return localStorage.getItem('single-keys') !== 'off'; } catch (error) { return true; } };
  let leadAt = 0;
  function single(event) {
    const key = event.key;
    if (leadAt && Date.now() - leadAt < LEAD_MS) {
      leadAt = 0;
      const link = find(`[data-go="${CSS.escape(key)}"]`);
      if (link) { location.href = link.href; return; }
    }
    if (key === 'g') leadAt = Date.now();
    else if (key === '?') open('keys');
    else if (key === 't') toggleTheme();
    else if (key === 'T') { const link = document.getElementById('as-table'); if (link) link.click(); }
    else if (key === '/') { const field = find('[data-search]'); event.preventDefault(); if (field) field.focus(); else open('palette'); }
    else if (key === 'j' || key === 'k') move(key === 'j' ? 1 : -1);
    else if (key === '[') { const link = find('[data-older]'); if (link) location.href = link.href; }
    else { const button = all(`[data-key-press="${CSS.escape(key)}"]`).find(one => one.offsetParent); if (button) button.click(); }
  }
  function enter(event) {
    if (event.target.closest('a, button, summary')) return;
    const row = rows().find(one => rowKey(one) === cursor), action = find('a.pri-act');
    if (row) location.href = row.dataset.href; else if (action) location.href = action.href;
  }
  document.addEventListener('keydown', event => {
    if (event.ctrlKey && event.key === 'Enter') { const button = find('[data-ctrl-enter]'); if (button) button.click(); return; }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') { event.preventDefault(); open('palette'); return; }
    if (event.target.closest('input, textarea, select, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter') enter(event);
    else if (singles()) single(event);
  });

  document.addEventListener('click', event => {
    const target = event.target;
    if (target.closest('[data-theme-toggle]')) { event.preventDefault(); toggleTheme(); return; }
    const opener = target.closest('[data-open]');
    if (opener) { open(opener.dataset.open); return; }
    const copier = target.closest('[data-copy]');
    if (copier) { copy(copier); return; }
    if (target.matches('dialog')) { target.close(); return; }
    const row = target.closest('tr[data-href]');
    if (row && !target.closest('a, button, input') && !String(getSelection())) location.href = row.dataset.href;
  });
  document.addEventListener('DOMContentLoaded', () => {
    toldOnce();
    const chosen = rows().find(row => row.getAttribute('aria-selected') === 'true');
    if (chosen) cursor = rowKey(chosen);
    const dialog = document.getElementById('palette');
    if (dialog) palette(dialog);
    const box = find('[data-single-keys]');
    if (box) { box.checked = singles(); box.addEventListener('change', () => { try { localStorage.setItem('single-keys', box.checked ? 'on' : 'off'); } catch (error) { /* private mode */ } }); }
  });
})();
