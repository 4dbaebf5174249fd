"""What a gallery's page does by itself: order, filter, keys, large view, colours. Its hash stands in the policy.

It holds no words and no data: both lie in attributes of the page, so that the script is the same in every gallery,
and nothing that a file name holds can become code. It sets text by ``textContent`` only.
"""

SCRIPT = """
'use strict';
(() => {
const root = document.documentElement, byId = (id) => document.getElementById(id);
const words = byId('words').dataset, list = byId('photos'), bar = byId('bar');
const sort = byId('sort'), search = byId('search'), minimum = byId('minimum'), reverse = byId('reverse');
const large = byId('large'), help = byId('help'), theme = byId('theme');
const cards = [...list.children].map((item) => {
  const button = item.firstElementChild, data = button.dataset;
  return {item, button, score: +data.score, name: +data.name, width: +data.width, text: fold(data.text)};
});
let shown = [...cards], current = null, viewed = null;

function fold(text) { return text.normalize('NFKC').toLowerCase(); }

function arrange() {
  const key = sort.value, turn = reverse.getAttribute('aria-pressed') === 'true' ? -1 : 1;
  const by = {score: (a, b) => b.score - a.score, name: (a, b) => a.name - b.name, width: (a, b) => a.width - b.width};
  const wanted = fold(search.value.trim());
  const least = minimum.value === '' ? -Infinity : minimum.valueAsNumber;
  const fits = (card) => card.text.includes(wanted) && !(card.score < least);
  cards.sort((a, b) => turn * by[key](a, b) || b.score - a.score || a.name - b.name);
  for (const card of cards) card.item.hidden = !fits(card);
  shown = cards.filter((card) => !card.item.hidden);
  list.append(...cards.map((card) => card.item));
  byId('count').textContent = words.count.replace('{shown}', shown.length).replace('{total}', cards.length);
  byId('nothing').hidden = shown.length > 0 || cards.length === 0;
  offer(shown.includes(current) ? current : shown[0]);
}

// One photo is a stop for the Tab key; the arrows go on from there.
function offer(card) {
  if (current) current.button.tabIndex = -1;
  current = card || null;
  if (current) current.button.tabIndex = 0;
}

function go(card) {
  if (!card) return;
  offer(card);
  card.button.focus();
}

function columns() {
  return getComputedStyle(list).gridTemplateColumns.split(' ').length;
}

function goal(key) {
  const at = shown.indexOf(current), last = shown.length - 1;
  if (last < 0) return null;
  if (key === 'Home') return shown[0];
  if (key === 'End') return shown[last];
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns()}[key];
  const to = at + step;
  if (to >= 0 && to <= last) return shown[to];
  if (key === 'ArrowDown' && Math.floor(at / columns()) < Math.floor(last / columns())) return shown[last];
  return shown[at];
}

function show(card) {
  offer(card);
  viewed = card;
  const data = card.button.dataset, small = card.button.querySelector('img'), picture = byId('picture');
  picture.hidden = !small;
  if (small) { picture.src = data.large || small.src; picture.alt = small.alt; } else picture.removeAttribute('src');
  byId('large-name').textContent = data.text;
  const facts = [card.button.querySelector('.facts').dataset.said, data.interval, data.stars, data.rank];
  byId('large-facts').textContent = facts.filter(Boolean).join(' · ');
  byId('large-note').textContent = !small ? words.gone : data.large ? '' : words.small;
  const link = byId('original');
  link.hidden = !data.link;
  if (data.link) link.setAttribute('href', data.link); else link.removeAttribute('href');
  const at = shown.indexOf(card);
  byId('previous').disabled = at <= 0;
  byId('next').disabled = at >= shown.length - 1;
  if (!large.open) large.showModal();
  if (document.activeElement && document.activeElement.disabled) byId('close').focus();
}

function turnTheme() {
  const kinds = ['auto', 'light', 'dark'];
  setTheme(kinds[(kinds.indexOf(root.dataset.theme || 'auto') + 1) % 3]);
  try { localStorage.setItem('beholder-gallery-theme', root.dataset.theme || 'auto'); } catch { /* a private window */ }
}

function setTheme(kind) {
  if (kind === 'light' || kind === 'dark') root.dataset.theme = kind; else delete root.dataset.theme;
  theme.textContent = words.theme + ': ' + words[root.dataset.theme || 'auto'];
}

function turnSort() {
  sort.selectedIndex = (sort.selectedIndex + 1) % sort.options.length;
  arrange();
}

function turnReverse() {
  reverse.setAttribute('aria-pressed', String(reverse.getAttribute('aria-pressed') !== 'true'));
  arrange();
}

const arrows = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
const keys = {s: turnSort, r: turnReverse, t: turnTheme, '/': () => search.focus(), '?': () => help.showModal()};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = event.key, field = event.target.closest('input, select');
  if (help.open) return;
  if (large.open) {
    const at = shown.indexOf(current);
    const step = {ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0,
      End: shown.length - 1}[key];
    if (step === undefined) return;
    event.preventDefault();
    if (shown[step]) show(shown[step]);
    return;
  }
  if (field) {
    if (key === 'Escape') { if (field === search) { search.value = ''; arrange(); } go(current); }
    if (key === 'Enter' && field !== sort) { event.preventDefault(); go(shown[0]); }
    return;
  }
  if (arrows.includes(key)) {
    event.preventDefault();
    go(list.contains(document.activeElement) ? goal(key) : key === 'End' ? goal(key) : shown[0]);
  } else if (Object.hasOwn(keys, key)) {
    event.preventDefault();
    keys[key]();
  }
});

list.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  const card = button && cards.find((one) => one.button === button);
  if (card) show(card);
});
list.addEventListener('focusin', (event) => {
  const card = cards.find((one) => one.button === event.target);
  if (card) offer(card);
});
// the browser gives the focus back to where it was before, which may be another photo
large.addEventListener('close', () => go(viewed));
for (const dialog of [large, help]) {
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
}
byId('close').addEventListener('click', () => large.close());
byId('help-close').addEventListener('click', () => help.close());
byId('previous').addEventListener('click', () => show(shown[shown.indexOf(current) - 1]));
byId('next').addEventListener('click', () => show(shown[shown.indexOf(current) + 1]));
byId('keys').addEventListener('click', () => help.showModal());
bar.addEventListener('submit', (event) => event.preventDefault());
sort.addEventListener('change', arrange);
search.addEventListener('input', arrange);
minimum.addEventListener('input', arrange);
reverse.addEventListener('click', turnReverse);
theme.addEventListener('click', turnTheme);

let kept = 'auto';
try { kept = localStorage.getItem('beholder-gallery-theme') || 'auto'; } catch { /* a private window */ }
setTheme(kept);
for (const card of cards) card.button.tabIndex = -1;
arrange();
root.classList.add('ready');
})();
"""
