// Texts of the journal about an exchange. They match `ocifake requests`, which omits fingerprints.

import { printable, shortDigest, text } from './text.js';

// about returns the subject of a request.
export function about(x) {
  const path = text(x.target).split('?', 1)[0];
  if (x.op === 'unknown') {
    return printable(`${text(x.method)} ${path}`);
  }
  if (x.op === 'token' || (x.op === 'external' && !x.digest)) {
    return printable(path);
  }
  let about = text(x.repo);
  if (x.tag) {
    about += `:${text(x.tag)}`;
  } else if (x.digest) {
    about += `@${shortDigest(x.digest)}`;
  }
  if (x.session) {
    about += ` #${text(x.session).slice(0, 8)}`;
  }
  return printable(about);
}

// notes returns unusual properties, except faults and traits.
export function notes(x) {
  const header = (fields, name) => text(fields?.[name]?.[0]);
  const range = header(x.header, 'Range'), contentRange = header(x.header, 'Content-Range');
  const retry = header(x.responseHeader, 'Retry-After');
  return [
    x.left && 'client left',
    x.cut && 'cut',
    ...new Set((x.codes ?? []).map(text)),
    ...(x.served ?? []).map(change => `served ${text(change)}`),
    x.from && `from ${text(x.from)}`,
    x.tags && `tags ${x.tags.map(text).join(' ')}`,
    range,
    contentRange && `range ${contentRange}`,
    retry && `retry after ${retry}`,
  ].filter(Boolean).map(printable);
}

// statusText returns the status as in the journal, with placeholders for none.
export function statusText(x) {
  if (x.status) {
    return String(x.status);
  }
  return x.open ? '…' : '–';
}

// statusClass returns the CSS class of a status.
export const statusClass = x => x.status ? `s${Math.floor(x.status / 100)}` : x.open ? 's-open' : 's-none';
