'use strict';
// Runs in the page. The rows follow in chunks below this script; `add()` adds each while the page loads. Cards are
// created on scrolling. A row is
//   [id, state, link of the clip or null, prompt, facts, reason or null]

const PAGE = 60;
const part = (id) => document.getElementById(id);
const [clips, find, states, viewer, video] = ['clips', 'find', 'states', 'viewer', 'viewer-video'].map(part);

const rows = [];
const tally = new Map();
/** Positions in `rows` of the matching ones, and how many of them have a card. */
let shown = [];
let drawn = 0;
let words = [];
let wanted = '';

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A clip is loaded when its card comes near the window and unloaded when it leaves: browsers play a few dozen at
// most.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target.src = `${target.dataset.src}#t=0.1`;
      else if (target.hasAttribute('src')) {
        target.removeAttribute('src');
        target.load();
      }
    }
  },
  { rootMargin: '300px' },
);

const calm = matchMedia('(prefers-reduced-motion: reduce)');

function preview(target, on) {
  if (!on) {
    target.pause();
    target.currentTime = 0.1;
  } else if (!calm.matches) target.play().catch(() => {});
}

function playable(position) {
  const [, , link, prompt] = rows[position];
  const frame = element('button', 'frame');
  frame.type = 'button';
  frame.setAttribute('aria-label', `Play: ${prompt}`);
  const poster = element('video');
  Object.assign(poster, { muted: true, loop: true, playsInline: true, preload: 'metadata', tabIndex: -1 });
  poster.dataset.src = link;
  poster.addEventListener('error', () => {
    if (poster.hasAttribute('src')) frame.replaceWith(failureFrame('not found here', link));
  });
  near.observe(poster);
  frame.append(poster);
  frame.addEventListener('mouseenter', () => preview(poster, true));
  frame.addEventListener('mouseleave', () => preview(poster, false));
  frame.addEventListener('click', () => open(position));
  return frame;
}

function failureFrame(state, reason) {
  const frame = element('div', 'frame bad');
  const text = element('div');
  text.append(element('strong', '', state), element('p', '', reason));
  frame.append(text);
  return frame;
}

function card(position) {
  const [id, state, link, prompt, facts, reason] = rows[position];
  const made = element('article');
  made.dataset.position = position;
  const frame = link
    ? playable(position)
    : state === 'failed' || state === 'held'
      ? failureFrame(state, reason ?? '')
      : element('div', 'frame wait', state);
  const line = element('p', 'prompt', prompt);
  line.title = prompt;
  const text = element('div', 'text');
  text.append(line, element('p', 'facts', [id, facts].filter(Boolean).join(' · ')));
  made.append(frame, text);
  return made;
}

function drawMore() {
  const next = shown.slice(drawn, drawn + PAGE);
  drawn += next.length;
  clips.append(...next.map(card));
}

function matches([id, state, , prompt, facts, reason]) {
  if (wanted !== '' && state !== wanted) return false;
  if (words.length === 0) return true;
  const text = `${id} ${prompt} ${facts} ${reason ?? ''}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function updateCounts() {
  const running = ['queued', 'submitting', 'generating', 'downloading'].reduce((n, is) => n + (tally.get(is) ?? 0), 0);
  const all = rows.length.toLocaleString();
  part('counts').textContent = [
    shown.length === rows.length ? `${all} clips` : `${shown.length.toLocaleString()} of ${all} clips`,
    running > 0 ? ` · ${running.toLocaleString()} still to come: reload for more ·` : ' ·',
  ].join('');
  part('none').hidden = shown.length > 0;
  const chips = [['', 'all', rows.length], ...[...tally].map(([is, count]) => [is, is, count])];
  states.hidden = tally.size < 2;
  states.replaceChildren(
    ...chips.map(([value, label, count]) => {
      const bad = value === 'failed' || value === 'held';
      const chip = element('button', bad ? 'bad' : '', `${label} ${count.toLocaleString()}`);
      chip.type = 'button';
      chip.dataset.state = value;
      chip.setAttribute('aria-pressed', String(value === wanted));
      return chip;
    }),
  );
}

function filter() {
  words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = [];
  for (const [position, row] of rows.entries()) if (matches(row)) shown.push(position);
  drawn = 0;
  near.disconnect();
  clips.replaceChildren();
  updateCounts();
  drawMore();
  scrollTo(0, 0);
}

/** Adds the chunk of rows before the calling script. */
globalThis.add = () => {
  const chunk = document.currentScript.previousElementSibling;
  for (const row of JSON.parse(chunk.textContent)) {
    tally.set(row[1], (tally.get(row[1]) ?? 0) + 1);
    if (matches(row)) shown.push(rows.length);
    rows.push(row);
  }
  chunk.remove();
  updateCounts();
  if (drawn < PAGE) drawMore();
};

// The viewer plays one clip, large and with sound; the arrow keys step through the matching clips.
let current = -1;

function step(by) {
  const at = shown.indexOf(current);
  for (let to = at + by; to >= 0 && to < shown.length; to += by) if (rows[shown[to]][2]) return shown[to];
  return undefined;
}

function open(position) {
  const [id, , link, prompt, facts] = rows[position];
  current = position;
  video.src = link;
  video.play().catch(() => {});
  part('viewer-prompt').textContent = prompt;
  part('viewer-facts').textContent = [id, facts].filter(Boolean).join(' · ');
  part('viewer-file').href = link;
  part('viewer-place').textContent =
    `${(shown.indexOf(position) + 1).toLocaleString()} / ${shown.length.toLocaleString()}`;
  part('viewer-back').disabled = step(-1) === undefined;
  part('viewer-on').disabled = step(1) === undefined;
  if (viewer.open) return;
  viewer.showModal();
  video.focus();
}

function go(by) {
  const to = step(by);
  if (to !== undefined) open(to);
}

viewer.addEventListener('close', () => {
  video.pause();
  video.removeAttribute('src');
  video.load();
  while (drawn < shown.length && drawn <= shown.indexOf(current)) drawMore();
  clips.querySelector(`article[data-position="${current}"] button`)?.focus();
});
viewer.addEventListener('click', (event) => event.target === viewer && viewer.close());
part('viewer-back').addEventListener('click', () => go(-1));
part('viewer-on').addEventListener('click', () => go(1));
part('viewer-close').addEventListener('click', () => viewer.close());

addEventListener(
  'keydown',
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (viewer.open && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) {
      event.preventDefault();
      go(event.key === 'ArrowLeft' ? -1 : 1);
    } else if (event.key === '/' && !viewer.open && document.activeElement !== find) {
      event.preventDefault();
      find.focus();
    }
  },
  { capture: true },
);

new IntersectionObserver((entries) => entries.at(-1).isIntersecting && drawMore(), { rootMargin: '1200px' }).observe(
  part('end'),
);
let typing;
find.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(filter, 120);
});
states.addEventListener('click', (event) => {
  const chip = event.target.closest('button');
  if (!chip) return;
  wanted = chip.dataset.state;
  filter();
  states.querySelector('[aria-pressed="true"]')?.focus();
});
const at = part('at');
if (at.dateTime) at.textContent = `as of ${new Date(at.dateTime).toLocaleString()}`;
