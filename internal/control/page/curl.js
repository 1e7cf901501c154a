// Formats a request as a curl command for a POSIX shell.

import { bytesOf, text } from './text.js';

// curl returns the command. The record contains no secrets: the command reads them from variables
// of the shell. It contains few bodies of blobs: the command reads others from the file "body".
export function curl(x) {
  const words = ['curl', '--include', '--path-as-is', '--globoff'];
  if (x.secure) {
    words.push('--insecure');
  } else if (x.proto === 'HTTP/2.0') {
    words.push('--http2-prior-knowledge');
  }
  words.push(...method(x));
  const { before, options } = body(x);
  const sends = options.length > 0;
  words.push(...headers(x, sends), ...options, ...target(x));
  return before + words.join(' ');
}

function method(x) {
  switch (x.method) {
    case 'GET': return x.requestBytes ? ['--request', 'GET'] : [];
    case 'HEAD': return ['--head'];
    default: return ['--request', quote(text(x.method))];
  }
}

function target(x) {
  const host = `${x.secure ? 'https' : 'http'}://${text(x.host)}`;
  const path = text(x.target);
  if (path.startsWith('/')) {
    return [quote(host + path)];
  }
  return ['--request-target', quote(path), quote(host)];
}

// written are the header fields that curl sets itself.
const written = ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Expect', 'Trailer', 'Upgrade', 'Http2-Settings'];

function headers(x, sends) {
  const given = x.header ?? {};
  const words = [];
  for (const name of Object.keys(given).sort()) {
    if (!written.includes(name)) {
      words.push(...given[name].flatMap(value => field(name, value, x)));
    }
  }
  for (const name of ['Accept', 'User-Agent', ...sends ? ['Content-Type'] : []]) {
    if (!given[name]) {
      words.push('--header', quote(`${name}:`)); // removes the field that curl would send
    }
  }
  return words;
}

function field(name, value, x) {
  if (value === '') {
    return ['--header', quote(`${name};`)];
  }
  if (name === 'Authorization' && /\[redacted(:\w+:\w+)?]$/.test(text(value))) {
    return x.scheme === 'Basic'
      ? ['--user', '"$USERNAME:$PASSWORD"']
      : ['--header', `"Authorization: ${/^[\w-]+$/.test(text(x.scheme)) ? text(x.scheme) : 'Bearer'} $TOKEN"`];
  }
  if (plain(value)) {
    return ['--header', quote(`${name}: ${value}`)];
  }
  return ['--header', `${quote(`${name}: `)}"$(printf %s ${base64(value)} | base64 -d)"`];
}

function body(x) {
  if (!x.requestBytes) {
    return { before: '', options: /^(POST|PUT|PATCH)$/.test(text(x.method)) ? ['--data-raw', "''"] : [] };
  }
  if (x.requestBody === undefined || x.requestBodyCut) {
    return { before: '', options: ['--data-binary', '@body'] };
  }
  if (plain(x.requestBody)) {
    return { before: '', options: ['--data-raw', quote(x.requestBody)] };
  }
  return { before: `printf %s ${base64(x.requestBody)} | base64 -d | `, options: ['--data-binary', '@-'] };
}

// lacksBody reports whether the command reads the file "body".
export const lacksBody = x => Boolean(x.requestBytes) && (x.requestBody === undefined || Boolean(x.requestBodyCut));

// plain matches text that is safe in a terminal.
const plain = value => typeof value === 'string' && !/[^\P{C}\n\t]/u.test(value);

const quote = value => /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;

const base64 = value => btoa(Array.from(bytesOf(value), b => String.fromCharCode(b)).join(''));
