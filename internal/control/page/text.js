// Formatting of values.

// text decodes a string of the API. Strings that are not UTF-8 are in base64.
export function text(value) {
  if (value && typeof value === 'object') {
    return new TextDecoder().decode(bytesOf(value));
  }
  return value ?? '';
}

// bytesOf returns the bytes of a string of the API.
export function bytesOf(value) {
  if (value && typeof value === 'object') {
    return Uint8Array.from(atob(value.base64), c => c.charCodeAt(0));
  }
  return new TextEncoder().encode(value ?? '');
}

// placeholder is what the record has in place of a secret; in the user of a URL it is encoded.
const placeholder = /(?:\[|%5B)redacted(?::|%3A)(password|token|secret)(?::|%3A)([0-9a-f]{6})[0-9a-f]{10}(?:]|%5D)/gi;

// printable shortens the fingerprints of secrets, and replaces invisible characters and bidirectional
// controls.
export const printable = value => String(text(value)).replace(placeholder, '[$1 $2…]').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');

// printableLines is printable, but keeps line breaks and tabs.
export const printableLines = value => text(value).replace(/[^\S\n\t ]|[\p{Cc}\p{Cf}\p{Cs}]/gu, c => '\n\t'.includes(c) ? c : '\ufffd');

// size formats with at most three digits: "1.5 KiB".
export function size(n) {
  if (n < 1024) {
    return `${n} B`;
  }
  let unit = -1;
  do {
    n /= 1024;
    unit++;
  } while (n >= 999.5 && unit < 4);
  return `${n < 9.95 ? n.toFixed(1) : Math.round(n)} ${'KMGTP'[unit]}iB`;
}

// exactSize appends the number of bytes to a size.
export const exactSize = n => n < 1024 ? `${n} bytes` : `${size(n)} (${count(n)} bytes)`;

// count formats 999800 as 999,800.
export const count = n => n.toLocaleString('en-US');

// span formats a time in milliseconds with two or three digits.
export function span(ms) {
  if (ms < 0) {
    return '-' + span(-ms);
  }
  if (ms === 0) {
    return '0';
  }
  if (ms < 1) {
    return '<1ms';
  }
  if (ms < 999.5) {
    return `${Math.round(ms)}ms`;
  }
  if (ms < 59950) {
    return `${trim(ms / 1000)}s`;
  }
  const seconds = Math.round(ms / 1000);
  return seconds < 3600
    ? `${Math.floor(seconds / 60)}m${seconds % 60}s`
    : `${Math.floor(seconds / 3600)}h${Math.floor(seconds % 3600 / 60)}m`;
}

// exactSpan formats a time in nanoseconds with all significant digits.
export function exactSpan(nanos) {
  if (nanos < 1e6) {
    return `${trim(nanos / 1e3)} µs`;
  }
  return nanos < 1e9 ? `${Number((nanos / 1e6).toPrecision(4))} ms` : `${Number((nanos / 1e9).toPrecision(4))} s`;
}

const trim = n => Number(n.toFixed(1));

// shortDigest returns the first 12 digits, as in image IDs.
export function shortDigest(digest) {
  const [algorithm, encoded] = String(text(digest)).split(':');
  return encoded ? `${algorithm}:${encoded.slice(0, 12)}` : algorithm;
}

const kinds = {
  'application/vnd.oci.image.index.v1+json': 'index',
  'application/vnd.oci.image.manifest.v1+json': 'image',
  'application/vnd.docker.distribution.manifest.list.v2+json': 'index (Docker)',
  'application/vnd.docker.distribution.manifest.v2+json': 'image (Docker)',
};

// images are artifact types that only mean "image".
const images = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];

// kind returns the type of a descriptor. An artifact type is more specific than "image".
export function kind(d) {
  const type = text(d.artifactType), mediaType = text(d.mediaType);
  return (images.includes(type) ? '' : type) || (Object.hasOwn(kinds, mediaType) ? kinds[mediaType] : mediaType);
}

export const isManifest = mediaType => Object.hasOwn(kinds, text(mediaType));
