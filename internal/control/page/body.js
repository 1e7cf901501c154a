// Display of bodies.

import { button, copier, h } from './dom.js';
import { bytesOf, exactSize, printableLines, text } from './text.js';

const shown = 256; // maximum number of bytes in a hex dump

// body shows the recorded part of a body with a total size of bytes.
export function body(value, bytes, cut) {
  if (!bytes) {
    return h('p', { class: 'none' }, 'No body.');
  }
  if (value === undefined) {
    return h('p', { class: 'none' }, `${exactSize(bytes)}, not recorded: the record contains no blobs.`);
  }
  const note = cut && h('p', { class: 'none' }, `The first ${exactSize(bytesOf(value).length)} of ${exactSize(bytes)}.`);
  if (typeof value !== 'string') {
    return h('div', {}, note, h('pre', { class: 'code', tabindex: 0 }, hexdump(bytesOf(value))));
  }
  return h('div', {}, note, source(value));
}

// source shows text. It formats JSON, with a button to show the original.
export function source(value) {
  const pretty = indented(value);
  const code = h('pre', { class: 'code', tabindex: 0 }, printableLines(pretty ?? value));
  if (pretty === undefined) {
    return h('div', { class: 'source' }, h('div', { class: 'tools' }, copier('Copy', () => text(value), 'Copy the text')), code);
  }
  let raw = false;
  const toggle = button('Original', () => {
    raw = !raw;
    toggle.setAttribute('aria-pressed', raw);
    code.textContent = printableLines(raw ? value : pretty);
  }, { 'aria-pressed': 'false' });
  return h('div', { class: 'source' },
    h('div', { class: 'tools' }, toggle, copier('Copy', () => raw ? value : pretty, 'Copy the text')), code);
}

function indented(value) {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return undefined;
  }
}

function hexdump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, shown); at += 16) {
    const line = [...bytes.subarray(at, Math.min(at + 16, shown))];
    const hex = line.map(b => b.toString(16).padStart(2, '0')).join(' ');
    const ascii = line.map(b => b >= 32 && b < 127 ? String.fromCharCode(b) : '.').join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${ascii}`);
  }
  if (bytes.length > shown) {
    lines.push(`… ${exactSize(bytes.length - shown)} more`);
  }
  return lines.join('\n');
}
